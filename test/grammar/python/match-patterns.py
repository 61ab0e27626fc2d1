"""Writes patterns.json beside it: which short texts Python's own engine matches as a whole.

Python 3.11 or later: python3 test/grammar/python/match-patterns.py, then npx biome format --write test/grammar/python
"""

import itertools
import json
import pathlib
import random
import re
import warnings

warnings.simplefilter("ignore")

TEXTS = ["".join(letters) for length in range(5) for letters in itertools.product("ab", repeat=length)]

WRITTEN = [
    r"a++b", r"a++", r"a*+ab", r"a?+a", r"a{1,2}+a", r"a{2}+a", r"(?:ab)++a?", r"[ab]++b", r"(?>a|ab)b?", r"(?>ab|a)b",
    r"(?>a*)b", r"(?>a*?)b", r"(?>a+|b)+", r"(?>(?>a|ab)|b)b", r"(?:a++|b)*", r"(?>a?b?)a", r"a{,3}b", r"a{,0}b*",
    r"\Aa+\Z", r"(?P<x>a)(?P<y>b*)", r"a(?#not this)b", r"(?i)A+B", r"(?i:A)b+", "(?x) a + # as many\n b {2}", r"(?s:.)b", r"(?=a.*b)[ab]{3}", r"(?!ab)[ab]+", r"a(?=b)b", r"[ab]*(?<=ab)", r"[ab]*(?<!b)", r"\b[ab]+\b",
    r"a\Bb", r"(?>(?:a|b)+)", r"(?:a(?>b*)){1,2}", r"(?>a{1,2}){2}b", r"(?>[ab]{2,3})b",
]


def generated(dice, depth=0):
    def atom():
        kind = dice.random()
        if depth > 1 or kind < 0.55 + depth * 0.2:
            return dice.choice(["a", "b", "[ab]", "a", "b", "(?=a)", "(?!b)"])
        opening = dice.choice(["(?:", "(?>", "(?>"])
        return f"{opening}{generated(dice, depth + 1)})"

    def term():
        part = atom()
        if part in ("(?=a)", "(?!b)"):
            return part
        return part + dice.choice(["", "", "*", "+", "?", "*+", "++", "?+", "{1,2}+", "{2,}+", "*?"])

    return "|".join("".join(term() for _ in range(dice.randint(1, 2))) for _ in range(dice.randint(1, 2)))


def main():
    dice = random.Random(1)
    patterns = list(dict.fromkeys(WRITTEN + [generated(dice) for _ in range(200)]))
    table = [[pattern, [text for text in TEXTS if re.fullmatch(pattern, text)]] for pattern in patterns]
    path = pathlib.Path(__file__).parent / "patterns.json"
    rows = ",\n".join(json.dumps([pattern, " ".join(text or "-" for text in texts)]) for pattern, texts in table)
    path.write_text(f"[\n{rows}\n]\n")


main()
