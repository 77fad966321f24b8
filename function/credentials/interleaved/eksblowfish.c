/* EksBlowfish (Provos and Mazieres, "A Future-Adaptable Password Scheme", USENIX 1999) in lanes.
 *
 * One hash is a chain of table look-ups, each of which waits for the one before, and most of a core is idle meanwhile.
 * Independent hashes, one step of each in turn, fill the gaps: a lane is one of them. A lane reads and writes nothing
 * but its own `struct lane` and its own element of `left` and `right`; what they share is the loop counter.
 *
 * There is one source for all widths: `width` is a constant in each of the kernels at the end, so that the `if` of
 * EACH_LANE is gone when compiled. Nothing here branches on, or returns early for, what a password or a digest is.
 */
#include "eksblowfish.h"

#include <string.h>

#include "pi.h"

#define INLINE static inline __attribute__((always_inline))

/* The statement for `lane` 0 to width - 1, written out: array elements with constant indexes become registers. */
#define EACH_LANE(...)                                                                                                 \
    do {                                                                                                               \
        { enum { lane = 0 }; __VA_ARGS__; }                                                                            \
        if (width > 1) { enum { lane = 1 }; __VA_ARGS__; }                                                             \
        if (width > 2) { enum { lane = 2 }; __VA_ARGS__; }                                                             \
        if (width > 3) { enum { lane = 3 }; __VA_ARGS__; }                                                             \
    } while (0)

/* 4 of these, 17 kB, stay in any core's first-level cache (32 kB and more). */
struct lane {
    uint32_t state[P_WORDS + S_WORDS]; /* Blowfish's P-array and its four S-boxes */
    uint32_t key[KEY_WORDS];
    uint32_t salt[SALT_WORDS];
} __attribute__((aligned(64)));

/* "OrpheanBeholderScryDoubt" */
static const uint32_t ctext[DIGEST_WORDS] = {0x4f727068, 0x65616e42, 0x65686f6c, 0x64657253, 0x63727944, 0x6f756274};

/* Blowfish's F. */
INLINE uint32_t f(const uint32_t *state, uint32_t x)
{
    const uint32_t *s = state + P_WORDS;
    return ((s[x >> 24] + s[256 + (x >> 16 & 255)]) ^ s[512 + (x >> 8 & 255)]) + s[768 + (x & 255)];
}

/* Two of Blowfish's 16 rounds, in each lane. */
#define ROUNDS(i)                                                                                                      \
    EACH_LANE(right[lane] ^= f(lanes[lane].state, left[lane]) ^ lanes[lane].state[i]);                                 \
    EACH_LANE(left[lane] ^= f(lanes[lane].state, right[lane]) ^ lanes[lane].state[i + 1])

/* Encipher one block of each lane in place. */
INLINE void encipher(const struct lane *lanes, uint32_t *left, uint32_t *right, const int width)
{
    EACH_LANE(left[lane] ^= lanes[lane].state[0]);
    ROUNDS(1);
    ROUNDS(3);
    ROUNDS(5);
    ROUNDS(7);
    ROUNDS(9);
    ROUNDS(11);
    ROUNDS(13);
    ROUNDS(15);
    EACH_LANE(uint32_t last = right[lane] ^ lanes[lane].state[17]; right[lane] = left[lane]; left[lane] = last);
}

/* The paper's ExpandKey, behind its first step, which is to mix a key into P. `salted` is 0 for a salt of zeros. */
INLINE void expand(struct lane *lanes, const int salted, const int width)
{
    uint32_t left[MAX_WIDTH] = {0}, right[MAX_WIDTH] = {0};
    for (int i = 0; i < P_WORDS + S_WORDS; i += 2) {
        if (salted) {
            EACH_LANE(left[lane] ^= lanes[lane].salt[i & 2]; right[lane] ^= lanes[lane].salt[(i & 2) + 1]);
        }
        encipher(lanes, left, right, width);
        EACH_LANE(lanes[lane].state[i] = left[lane]; lanes[lane].state[i + 1] = right[lane]);
    }
}

INLINE void mix_keys(struct lane *lanes, const int width)
{
    EACH_LANE(for (int i = 0; i < P_WORDS; i++) lanes[lane].state[i] ^= lanes[lane].key[i]);
}

INLINE void mix_salts(struct lane *lanes, const int width)
{
    EACH_LANE(for (int i = 0; i < P_WORDS; i++) lanes[lane].state[i] ^= lanes[lane].salt[i % SALT_WORDS]);
}

INLINE void hash(struct hashing *hashings, unsigned cost, const int width)
{
    struct lane lanes[MAX_WIDTH];
    EACH_LANE(memcpy(lanes[lane].state, pi, sizeof pi);
              memcpy(lanes[lane].key, hashings[lane].key, sizeof lanes[lane].key);
              memcpy(lanes[lane].salt, hashings[lane].salt, sizeof lanes[lane].salt));

    mix_keys(lanes, width);
    expand(lanes, 1, width);
    for (uint32_t rounds = (uint32_t)1 << cost; rounds > 0; rounds--) {
        mix_keys(lanes, width);
        expand(lanes, 0, width);
        mix_salts(lanes, width);
        expand(lanes, 0, width);
    }

    for (int i = 0; i < DIGEST_WORDS; i += 2) {
        uint32_t left[MAX_WIDTH], right[MAX_WIDTH];
        EACH_LANE(left[lane] = ctext[i]; right[lane] = ctext[i + 1]);
        for (int times = 0; times < 64; times++)
            encipher(lanes, left, right, width);
        EACH_LANE(hashings[lane].digest[i] = left[lane]; hashings[lane].digest[i + 1] = right[lane]);
    }
    wipe(lanes, sizeof lanes);
}

/* The kernels. Not inlined, so that each has the registers for itself. */
#define KERNEL(name, width)                                                                                            \
    static __attribute__((noinline)) void name(struct hashing *hashings, unsigned cost) { hash(hashings, cost, width); }
KERNEL(hash_1, 1)
KERNEL(hash_2, 2)
KERNEL(hash_3, 3)
KERNEL(hash_4, 4)

void bcrypt_interleaved(struct hashing *hashings, int width, unsigned cost)
{
    static void (*const kernels[MAX_WIDTH])(struct hashing *, unsigned) = {hash_1, hash_2, hash_3, hash_4};
    kernels[width - 1](hashings, cost);
}

void wipe(void *memory, size_t size)
{
    memset(memory, 0, size);
    /* What explicit_bzero does, where there is none too: for all that the compiler knows, somebody reads it here. */
    __asm__ __volatile__("" : : "r"(memory) : "memory");
}
