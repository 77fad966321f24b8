"""Several hashes at once, against one at a time (pyca/bcrypt). A verdict in the wrong lane lets somebody in as another.

`CASES=1000000 pytest tests/function/test_interleaved.py -k random` takes its time, at 1.5 ms of CPU a case.
"""

import itertools
import os
import random
import re
import string
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import bcrypt
import pytest
from docker_engine import MISSING

import function

KERNEL = pytest.importorskip(
    "function.credentials._interleaved",
    reason=f"{MISSING}interleaved kernel: install a C compiler, then `make clean check`",
)
CASES = int(os.environ.get("CASES", "1000"))
WIDEST = 4
ALPHABET = b"./" + (string.ascii_uppercase + string.ascii_lowercase + string.digits).encode()
Login = tuple[bytes, bytes]
#: Of crypt_blowfish's wrapper.c. Its `$2x$` has a sign extension bug, its `$2a$` a counter-measure against collisions
#: with that; pyca/bcrypt has neither, and where they matter the verdict is no.
VECTORS = [
    (b"U*U", b"$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", True),
    (b"U*U*", b"$2a$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK", True),
    (b"U*U*U", b"$2a$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a", True),
    (b"", b"$2a$05$CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNy", True),
    (
        b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
        b"$2a$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui",
        True,
    ),
    (b"\xaa" * 72, b"$2a$05$/OK.fbVrR/bpIqNJ5ianF.swQOIzjOiJ9GHEPuhEkvqrUyvWhEMx6", True),
    (b"\xaa\x55" * 36, b"$2a$05$/OK.fbVrR/bpIqNJ5ianF.R9xrDjiycxMbQE2bp.vgqlYpW5wx2yy", True),
    (b"\x55\xaa\xff" * 24, b"$2a$05$/OK.fbVrR/bpIqNJ5ianF.9tQZzcJfm3uj2NvJ/n5xkhpqLrMpWCe", True),
    (b"\xa3", b"$2a$05$/OK.fbVrR/bpIqNJ5ianF.Sa7shbm4.OzKpvFnX1pQLmQW96oUlCq", True),
    (b"\xa3", b"$2b$05$/OK.fbVrR/bpIqNJ5ianF.Sa7shbm4.OzKpvFnX1pQLmQW96oUlCq", True),
    (b"\xa3", b"$2y$05$/OK.fbVrR/bpIqNJ5ianF.Sa7shbm4.OzKpvFnX1pQLmQW96oUlCq", True),
    (b"\xa3", b"$2x$05$/OK.fbVrR/bpIqNJ5ianF.CE5elHaaO4EbggVDjb8P19RukzXSM3e", False),
    (b"\xff\xff\xa3", b"$2x$05$/OK.fbVrR/bpIqNJ5ianF.CE5elHaaO4EbggVDjb8P19RukzXSM3e", True),
    (b"\xff\xff\xa3", b"$2y$05$/OK.fbVrR/bpIqNJ5ianF.CE5elHaaO4EbggVDjb8P19RukzXSM3e", True),
    (b"\xff\xff\xa3", b"$2b$05$/OK.fbVrR/bpIqNJ5ianF.CE5elHaaO4EbggVDjb8P19RukzXSM3e", True),
    (b"\xff\xff\xa3", b"$2a$05$/OK.fbVrR/bpIqNJ5ianF.nqd1wy.pTMdcvrRWxyiGL2eMz.2a85.", False),
    (b"1\xa3345", b"$2x$05$/OK.fbVrR/bpIqNJ5ianF.o./n25XVfn6oAPaUvHe.Csk4zRfsYPi", False),
    (b"\xff\xa3345", b"$2x$05$/OK.fbVrR/bpIqNJ5ianF.o./n25XVfn6oAPaUvHe.Csk4zRfsYPi", False),
    (b"\xff\xa3345", b"$2y$05$/OK.fbVrR/bpIqNJ5ianF.nRht2l/HRhr6zmCp9vYUvvsqynflf9e", True),
    (
        b"\xff\xa334\xff\xff\xff\xa3345",
        b"$2y$05$/OK.fbVrR/bpIqNJ5ianF.o./n25XVfn6oAPaUvHe.Csk4zRfsYPi",
        True,
    ),
    (b"\xd1\x91", b"$2x$05$6bNw2HLQYeqHYyBfLMsv/OiwqTymGIGzFsA4hOTWebfehXHNprcAS", False),
    (b"01234567", b"$2a$04$pIqNJ/d3.iUtNb........1ynmOuHkBNwBW8zbBj6wTB8XX4/HPiy", True),
    (b"0123456789", b"$2a$04$pIqNJ/d3.iUtNb........UNDUi60rNJGFKeSG7vI091NbSOdQNfa", True),
    (b">RQ7la", b"$2a$08$CCCCCCCCCCCCCCCCCCCCC.LuntE/dBezheibpSOXBeR3W7q5mt2NW", True),
]


def checkpw(password: bytes, stored: bytes) -> bool:
    """What pyca/bcrypt says, its refusals being a no."""
    try:
        return bcrypt.checkpw(password, stored)
    except ValueError:
        return False


def hashed(password: bytes, cost: int = 4) -> bytes:
    return bcrypt.hashpw(password, bcrypt.gensalt(cost))


@pytest.mark.parametrize(("password", "stored", "right"), VECTORS)
def test_published_vectors_in_every_lane_of_every_width(password: bytes, stored: bytes, right: bool) -> None:
    assert checkpw(password, stored) == right
    assert KERNEL.verify(password, stored) == right
    mate = (b"mate", bcrypt.hashpw(b"mate", b"$2b$" + stored[4:7] + b"." * 22))
    wrong = (b"wrong", mate[1])
    for width in range(1, WIDEST + 1):
        for place, other in itertools.product(range(width), (mate, wrong)):
            batch = [other] * width
            batch[place] = (password, stored)
            assert KERNEL.verify_many(batch) == [right if at == place else other is mate for at in range(width)]


def test_n10_the_password_of_one_lane_is_wrong_in_every_other() -> None:
    passwords = [b"one", b"two", b"three", b"four"]
    stored = [hashed(password) for password in passwords]
    for width in range(1, WIDEST + 1):
        for order in itertools.permutations(range(WIDEST), width):
            batch = [(passwords[whose], stored[lane]) for lane, whose in enumerate(order)]
            assert KERNEL.verify_many(batch) == [whose == lane for lane, whose in enumerate(order)]


def test_n10_each_bit_of_salt_and_digest_counts() -> None:
    password = b"U*U*U"
    stored = hashed(password)
    changed = []
    for place, bit in itertools.product(range(7, 60), range(6)):
        character = ALPHABET[ALPHABET.index(stored[place]) ^ 1 << bit]
        changed.append((password, stored[:place] + bytes([character]) + stored[place + 1 :]))
    # Lane after lane, in the company of one that is right.
    for number, login in enumerate(changed):
        batch = [(password, stored)] * WIDEST
        batch[number % WIDEST] = login
        assert KERNEL.verify_many(batch) == [lane != number % WIDEST for lane in range(WIDEST)]
    assert len(changed) == 318


def anyone(chance: random.Random) -> Callable[[], Login]:
    """Makes logins whose password is right, wrong, another's or too long, and whose hash may be another's."""
    before: list[Login] = [(b"first", hashed(b"first"))]

    def login() -> Login:
        password = chance.randbytes(chance.choice((0, 1, 8, 64, 71, 72, chance.randrange(73))))
        salt = b"$2%c$04$" % chance.choice(b"abxy") + base64(chance.randbytes(16))
        right = password, bcrypt.hashpw(password, salt)
        match chance.randrange(8):
            case 0:
                drawn = chance.choice(before)[0], right[1]
            case 1:
                drawn = password, chance.choice(before)[1]
            case 2:
                drawn = password + bytes([chance.randrange(256)]), right[1]
            case 3:
                # Not in the cost, which would take its time.
                at = chance.choice((0, 1, 2, 3, *range(6, 60)))
                drawn = password, right[1][:at] + bytes([chance.choice(ALPHABET)]) + right[1][at + 1 :]
            case _:
                drawn = right
        before[:] = [*before[-9:], right]
        return drawn

    return login


def base64(raw: bytes) -> bytes:
    """bcrypt's: the bits of `raw` from the front, 6 a character, the last ones filled up with zeros."""
    bits = "".join(f"{byte:08b}" for byte in raw)
    return bytes(ALPHABET[int(bits[at : at + 6].ljust(6, "0"), 2)] for at in range(0, len(bits), 6))


def test_n10_random_logins_have_the_verdicts_of_bcrypt() -> None:
    seed = random.randrange(1 << 32)
    print("seed", seed)
    chance = random.Random(seed)
    login, told = anyone(chance), [0, 0]
    for _ in range(0, CASES, WIDEST + 1):
        logins = [login() for _ in range(WIDEST + 1)]
        expected = [checkpw(*each) for each in logins]
        cut = chance.randrange(1, WIDEST + 1)
        assert KERNEL.verify_many(logins[:cut]) + KERNEL.verify_many(logins[cut:]) == expected, (seed, logins)
        told[True] += sum(expected)
        told[False] += len(expected) - sum(expected)
    print("right", told[True], "wrong", told[False])
    assert min(told) > CASES // 10


@pytest.mark.parametrize("count", range(14))
def test_n10_any_number_of_logins_of_mixed_costs_have_the_verdicts_of_bcrypt(count: int) -> None:
    passwords = [b"%d" % number for number in range(count)]
    logins = [(password, hashed(password, random.randrange(4, 7))) for password in passwords]
    logins = [(random.choice((password, *passwords)), stored) for password, stored in logins]
    random.shuffle(logins)
    verdicts: dict[int, bool] = {}
    for cost in (b"04", b"05", b"06"):
        places = [place for place, (_, stored) in enumerate(logins) if stored[4:6] == cost]
        for start in range(0, len(places), KERNEL.WIDTH):
            batch = places[start : start + KERNEL.WIDTH]
            verdicts |= zip(batch, KERNEL.verify_many([logins[place] for place in batch]), strict=True)
    assert [verdicts[place] for place in range(count)] == [bcrypt.checkpw(*login) for login in logins]


def mutated(chance: random.Random, stored: bytes) -> bytes:
    text = bytearray(stored)
    for _ in range(chance.randrange(1, 4)):
        at = chance.randrange(len(text))
        byte = chance.choice((chance.randrange(256), chance.choice(ALPHABET), *b"$ab0123456789+- \0"))
        text[at : at + chance.choice((0, 1, 1, 1, 2))] = chance.choice((b"", bytes([byte]), bytes([byte] * 2)))
    return bytes(text)


def test_mutated_hashes_have_the_verdicts_of_bcrypt() -> None:
    seed = random.randrange(1 << 32)
    print("seed", seed)
    chance = random.Random(seed)
    password = b"\xffmutation\0"
    stored = [b"$2%c$04$" % letter + hashed(password)[7:] for letter in b"abxy"]
    mate = (b"mate", hashed(b"mate"))
    # pyca/bcrypt reads "+011" and "$$011" as a cost, hashes for so long, and says no. Those that we read take as long.
    slow = re.compile(rb"\$*2[abxy]\$+\+?0*(?:9|[1-9][0-9])\$")
    for _ in range(2 * CASES):
        text = mutated(chance, chance.choice(stored))
        if not slow.match(text):
            expected = checkpw(password, text)
            assert KERNEL.verify(password, text) == expected, (seed, text)
            if not text.startswith((b"$2a$0", b"$2b$0", b"$2x$0", b"$2y$0")) or text[5:6] == b"4":
                assert KERNEL.verify_many([mate, (password, text), mate]) == [True, expected, True], (seed, text)


@pytest.mark.parametrize(
    "login",
    [
        (b"", b""),
        (b"", b"$$$"),
        (b"x" * 73, bcrypt.hashpw(b"x" * 72, b"$2b$04$" + b"." * 22)),
        (b"x", b"$2b$04$" + b"." * 21 + b"/" + b"." * 31),
        (b"x", b"$2b$04$" + b"." * 52 + b"\x80"),
        (b"x", b"$2b$03$" + b"." * 53),
        (b"x", b"$2b$32$" + b"." * 53),
        (b"x", b"$2b$99$" + b"." * 53),
        (b"x", b"$2b$04$" + b"." * 54),
        (b"x", b"$2\0$04$" + b"." * 53),
    ],
)
def test_n10_a_login_that_bcrypt_refuses_is_a_no_for_itself_alone(login: Login) -> None:
    assert not checkpw(*login)
    mates = [(password, hashed(password)) for password in (b"a", b"b", b"c")]
    assert not KERNEL.verify(*login)
    for place in range(WIDEST):
        batch = mates.copy()
        batch.insert(place, login)
        assert KERNEL.verify_many(batch) == [lane != place for lane in range(WIDEST)]
    assert KERNEL.verify_many([login] * WIDEST) == [False] * WIDEST


@pytest.mark.parametrize("cost", range(4, 9))
def test_each_cost_has_its_rounds(cost: int) -> None:
    logins = [(b"%d" % number, hashed(b"%d" % number, cost)) for number in range(WIDEST)]
    for width in range(1, WIDEST + 1):
        assert KERNEL.verify_many(logins[:width]) == [True] * width


def test_a_batch_of_nobody_has_no_verdict() -> None:
    assert KERNEL.verify_many([]) == []


def test_mistakes_of_the_caller_raise() -> None:
    stored = hashed(b"x")
    with pytest.raises(ValueError, match="5 logins at once are more than 4"):
        KERNEL.verify_many([(b"x", stored)] * 5)
    with pytest.raises(ValueError, match="one cost"):
        KERNEL.verify_many([(b"x", stored), (b"", b""), (b"x", hashed(b"x", 5))])
    for logins in (((b"x", stored),), [[b"x", stored]], [(b"x",)], [("x", stored)], [(b"x", stored.decode())]):
        with pytest.raises(TypeError):
            KERNEL.verify_many(logins)
    for arguments in (("x", stored), (b"x", stored.decode()), (bytearray(b"x"), stored), (b"x",)):
        with pytest.raises(TypeError):
            KERNEL.verify(*arguments)


def test_n10_threads_do_not_meet() -> None:
    logins = [(b"%d" % number, hashed(b"%d" % number)) for number in range(16)]

    def work(number: int) -> bool:
        chance = random.Random(number)
        for _ in range(50):
            right = chance.choices((True, False), k=chance.randrange(1, WIDEST + 1))
            chosen = chance.sample(logins, len(right))
            batch = [(login[0] if ok else login[0] + b"!", login[1]) for ok, login in zip(right, chosen, strict=True)]
            if KERNEL.verify_many(batch) != right:
                return False
        return True

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(work, range(64)))


def test_others_go_on_while_it_hashes() -> None:
    stored = hashed(b"x", 13)
    hashing = threading.Thread(target=KERNEL.verify, args=(b"x", stored))
    hashing.start()
    turns = 0
    while hashing.is_alive():
        time.sleep(0.001)
        turns += 1
    # Of some 400. With the GIL held there would be one before it takes it, and one when it is done.
    assert turns > 10


def test_the_tables_are_the_digits_of_pi() -> None:
    source = Path(function.__file__).parent / "credentials/interleaved/pi.h"
    words = [int(word, 16) for word in re.findall(r"0x([0-9a-f]{8})\b", source.read_text())]
    bits = 32 * len(words)
    assert len(words) == 18 + 4 * 256
    # Machin's formula, with 64 bits to spare for what is rounded off.
    one = 1 << bits + 64
    pi = 4 * (4 * arctangent(5, one) - arctangent(239, one))
    fraction = pi % one >> 64
    assert [fraction >> bits - 32 * (number + 1) & 0xFFFFFFFF for number in range(len(words))] == words


def arctangent(inverse: int, one: int) -> int:
    """Of 1 / inverse, in units of 1 / one."""
    power = total = one // inverse
    for number in itertools.count(1):
        power //= inverse * inverse
        if not power:
            break
        total += (-1) ** number * (power // (2 * number + 1))
    return total
