"""User names: the one form in which they are stored, looked up and compared."""

import re
import unicodedata

#: Longest name in code points: an e-mail address has at most 254.
MAX_LENGTH = 255
# Unicode's Default_Ignorable_Code_Point where the category does not tell: joiners, fillers and variation selectors.
# With one of them a name looks like another's. RFC 8264 section 9.13 refuses them in identifiers.
_INVISIBLE = re.compile(r"[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]")


def normalise(name: str) -> str:
    """NFKC and case-folded, so that no two names that look alike by width, case or composition are two users.

    After RFC 8265 section 3.3 (UsernameCaseMapped), whose identifiers have no spaces or controls either.

    Raises:
        ValueError: it is empty, too long, or holds white space, a control, an invisible or an unassigned character.
    """
    if len(name) > 4 * MAX_LENGTH:  # before any work is done on it
        raise ValueError(f"a name has 1 to {MAX_LENGTH} characters")
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    if not 0 < len(text) <= MAX_LENGTH:
        raise ValueError(f"a name has 1 to {MAX_LENGTH} characters")
    if any(unicodedata.category(char)[0] in "CZ" for char in text):
        raise ValueError("a name has no spaces and no control characters")
    if _INVISIBLE.search(text):
        raise ValueError("a name has no invisible characters")
    return text
