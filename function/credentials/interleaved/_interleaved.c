/* function.credentials._interleaved: bcrypt verification of up to four logins for the time of one.
 *
 * Verdicts are those of bcrypt.checkpw (pyca/bcrypt 5), which stays the one that makes hashes. Where it refuses an
 * argument with ValueError ("invalid salt", more than 72 bytes), the verdict here is False, for that login alone.
 */
#define Py_LIMITED_API 0x030B0000 /* one wheel for Python 3.11 and later */
#include <Python.h>
#include <string.h>

#include "eksblowfish.h"

#if defined(__aarch64__) || defined(__arm__)
#define WIDTH 3 /* a fourth lane gains nothing there */
#else
#define WIDTH 4
#endif

enum {
    SALT_CHARS = 22,
    SALT_BYTES = 16,
    DIGEST_CHARS = 31,
    DIGEST_BYTES = 23,
    HEAD_CHARS = 7, /* "$2b$12$" */
    HASH_CHARS = HEAD_CHARS + SALT_CHARS + DIGEST_CHARS,
    MIN_COST = 4,
    MAX_COST = 31,
};

/* What a stored hash says, and which of the caller's logins it is of. */
struct login {
    Py_ssize_t place;
    unsigned cost;
    uint8_t digest[DIGEST_BYTES];
};

/* The value of a character of bcrypt's base 64, -1 for one that has none. */
static int base64_value(unsigned char c)
{
    if (c == '.' || c == '/')
        return c - '.';
    if (c >= 'A' && c <= 'Z')
        return c - 'A' + 2;
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 28;
    if (c >= '0' && c <= '9')
        return c - '0' + 54;
    return -1;
}

/* Whether `text` is the one spelling of the bytes that it stands for; those bytes (6 bits of each character). */
static int base64_decode(const char *text, size_t characters, uint8_t *bytes)
{
    uint32_t bits = 0;
    int held = 0;
    for (size_t i = 0; i < characters; i++) {
        int value = base64_value((unsigned char)text[i]);
        if (value < 0)
            return 0;
        bits = bits << 6 | (uint32_t)value;
        held += 6;
        if (held >= 8) {
            held -= 8;
            *bytes++ = (uint8_t)(bits >> held);
        }
    }
    return (bits & ((UINT32_C(1) << held) - 1)) == 0;
}

static uint32_t word_at(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* Read a hash as checkpw would write it: "$2b$12$", 22 characters of salt, 31 of digest. Prefixes 2a, 2b, 2x and 2y
 * are one algorithm in pyca/bcrypt, that of 2b. */
static int parse_stored(const char *stored, Py_ssize_t size, struct login *login, struct hashing *hashing)
{
    if (size != HASH_CHARS || memcmp(stored, "$2", 2) != 0 || memchr("abxy", stored[2], 4) == NULL ||
        stored[3] != '$' || stored[4] < '0' || stored[4] > '9' || stored[5] < '0' || stored[5] > '9' ||
        stored[6] != '$')
        return 0;
    login->cost = (unsigned)(stored[4] - '0') * 10 + (unsigned)(stored[5] - '0');
    if (login->cost < MIN_COST || login->cost > MAX_COST)
        return 0;
    uint8_t salt[SALT_BYTES];
    if (!base64_decode(stored + HEAD_CHARS, SALT_CHARS, salt) ||
        !base64_decode(stored + HEAD_CHARS + SALT_CHARS, DIGEST_CHARS, login->digest))
        return 0;
    for (int i = 0; i < SALT_WORDS; i++)
        hashing->salt[i] = word_at(salt + 4 * i);
    return 1;
}

/* The key is the password and a NUL, over and over. A NUL inside is a byte like any other. */
static int take_password(const char *password, Py_ssize_t size, struct hashing *hashing)
{
    if (size > PASSWORD_BYTES)
        return 0;
    Py_ssize_t next = 0;
    for (int i = 0; i < KEY_WORDS; i++) {
        uint32_t word = 0;
        for (int j = 0; j < 4; j++) {
            word = word << 8 | (next < size ? (unsigned char)password[next] : 0);
            next = next < size ? next + 1 : 0;
        }
        hashing->key[i] = word;
    }
    return 1;
}

/* Compare all bytes, whatever the first ones are. */
static int is_digest(const struct hashing *hashing, const uint8_t *stored)
{
    unsigned difference = 0;
    for (int i = 0; i < DIGEST_BYTES; i++)
        difference |= stored[i] ^ (hashing->digest[i / 4] >> (24 - 8 * (i % 4)) & 255);
    return difference == 0;
}

/* One pair of the caller's list; 1 if it is to be hashed, 0 if it is False as it is, -1 with an exception set. */
static int take_pair(PyObject *password, PyObject *stored, struct login *login, struct hashing *hashing)
{
    char *password_bytes, *stored_bytes;
    Py_ssize_t password_size, stored_size;
    if (PyBytes_AsStringAndSize(password, &password_bytes, &password_size) < 0 ||
        PyBytes_AsStringAndSize(stored, &stored_bytes, &stored_size) < 0)
        return -1;
    return parse_stored(stored_bytes, stored_size, login, hashing) &&
           take_password(password_bytes, password_size, hashing);
}

/* Hash without the GIL, and tell for each login whether it is right. */
static void decide(const struct login *logins, struct hashing *hashings, int width, int *verdicts)
{
    if (width == 0)
        return;
    Py_BEGIN_ALLOW_THREADS
    bcrypt_interleaved(hashings, width, logins[0].cost);
    Py_END_ALLOW_THREADS
    for (int lane = 0; lane < width; lane++)
        verdicts[logins[lane].place] = is_digest(&hashings[lane], logins[lane].digest);
}

static PyObject *verify(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    PyObject *password, *stored;
    if (!PyArg_ParseTuple(arguments, "SS:verify", &password, &stored))
        return NULL;
    struct login login = {0};
    struct hashing hashing;
    int verdict = 0;
    int taken = take_pair(password, stored, &login, &hashing);
    if (taken >= 0)
        decide(&login, &hashing, taken, &verdict);
    wipe(&hashing, sizeof hashing);
    return taken < 0 ? NULL : PyBool_FromLong(verdict);
}

/* Read all pairs; the number of those to be hashed, packed to the front, or -1 with an exception set. */
static int take_pairs(PyObject *pairs, Py_ssize_t count, struct login *logins, struct hashing *hashings)
{
    int width = 0;
    for (Py_ssize_t place = 0; place < count; place++) {
        PyObject *pair = PyList_GetItem(pairs, place);
        if (pair == NULL)
            return -1;
        if (!PyTuple_Check(pair) || PyTuple_Size(pair) != 2) {
            PyErr_SetString(PyExc_TypeError, "each login is a tuple of (password, stored hash)");
            return -1;
        }
        struct login *login = &logins[width];
        login->place = place;
        int taken = take_pair(PyTuple_GetItem(pair, 0), PyTuple_GetItem(pair, 1), login, &hashings[width]);
        if (taken < 0)
            return -1;
        if (taken && login->cost != logins[0].cost) {
            PyErr_SetString(PyExc_ValueError, "hashes of one cost can be verified together, these have several");
            return -1;
        }
        width += taken;
    }
    return width;
}

static PyObject *verify_many(PyObject *Py_UNUSED(module), PyObject *pairs)
{
    if (!PyList_Check(pairs)) {
        PyErr_SetString(PyExc_TypeError, "logins are a list of (password, stored hash)");
        return NULL;
    }
    Py_ssize_t count = PyList_Size(pairs);
    if (count > MAX_WIDTH)
        return PyErr_Format(PyExc_ValueError, "%zd logins at once are more than %d", count, MAX_WIDTH);
    struct login logins[MAX_WIDTH] = {0};
    struct hashing hashings[MAX_WIDTH];
    int verdicts[MAX_WIDTH] = {0};
    int width = take_pairs(pairs, count, logins, hashings);
    if (width >= 0)
        decide(logins, hashings, width, verdicts);
    wipe(hashings, sizeof hashings);
    if (width < 0)
        return NULL;
    PyObject *answer = PyList_New(count);
    for (Py_ssize_t place = 0; answer != NULL && place < count; place++)
        PyList_SetItem(answer, place, PyBool_FromLong(verdicts[place]));
    return answer;
}

static PyMethodDef methods[] = {
    {"verify", verify, METH_VARARGS, "verify(password, stored, /)\n--\n\nWhether `stored` is a hash of `password`."},
    {"verify_many", verify_many, METH_O, "verify_many(logins, /)\n--\n\nThe verdicts of up to 4 logins of one cost."},
    {NULL, NULL, 0, NULL},
};

static int add_constants(PyObject *module)
{
    return PyModule_AddIntConstant(module, "WIDTH", WIDTH);
}

static PyModuleDef_Slot slots[] = {{Py_mod_exec, (void *)add_constants}, {0, NULL}};

static struct PyModuleDef definition = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "function.credentials._interleaved",
    .m_doc = "bcrypt verification of up to four logins for the time of one.",
    .m_methods = methods,
    .m_slots = slots,
};

PyMODINIT_FUNC PyInit__interleaved(void)
{
    return PyModuleDef_Init(&definition);
}
