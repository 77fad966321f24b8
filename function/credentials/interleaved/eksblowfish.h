/* bcrypt's EksBlowfish for up to four passwords at once. */
#ifndef EKSBLOWFISH_H
#define EKSBLOWFISH_H

#include <stddef.h>
#include <stdint.h>

enum {
    MAX_WIDTH = 4,
    PASSWORD_BYTES = 72, /* the longest */
    KEY_WORDS = 18,
    SALT_WORDS = 4,
    DIGEST_WORDS = 6,
};

/* One password to hash. Words are big-endian readings of the bytes. */
struct hashing {
    uint32_t key[KEY_WORDS]; /* the password and its NUL, over and over */
    uint32_t salt[SALT_WORDS];
    uint32_t digest[DIGEST_WORDS]; /* the answer; bcrypt leaves out the last byte of it */
};

/* Fill in the digests of `width` hashings (1 to MAX_WIDTH) of 2^cost rounds each (cost 4 to 31). */
void bcrypt_interleaved(struct hashing *hashings, int width, unsigned cost);

/* Zero memory that is not read again, which a compiler would leave out. */
void wipe(void *memory, size_t size);

#endif
