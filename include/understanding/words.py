"""A person's taste and intent in a sentence or two, from templates."""

from __future__ import annotations

from collections.abc import Sequence

MAX_TITLES = 2
TITLE_CHARACTERS = 60


def join(words: Sequence[str]) -> str:
    """a, b and c."""
    return " and ".join(part for part in (", ".join(words[:-1]), *words[-1:]) if part)


def label_word(label: str, label_words: dict[str, str]) -> str:
    """What a sentence calls a label: the domain's word, else the label, in small letters if it is a word."""
    if label in label_words:
        return label_words[label]
    return label.lower() if label.istitle() and label.replace(" ", "").isalpha() else label


def profile_sentence(
    mostly: Sequence[str], lately: Sequence[str], rarely: Sequence[str], titles: Sequence[str], n_items: int
) -> str:
    """As "Mostly thrillers and film noir, like Chinatown (1974); lately comedies; rarely children's films."

    titles: of what the person likes best, the best first.  Of a person of whom too little is known to say
    anything of their taste, what they had is named.
    """
    shown = [_cut(title) for title in titles[:MAX_TITLES]]
    if not mostly and not lately:
        things = f"{n_items:,} item{'' if n_items == 1 else 's'}"
        return (
            f"So far {things}: {join(shown)}."
            if n_items <= MAX_TITLES
            else (f"A bit of everything in {things}, like {join(shown)}" + _rarely(rarely) + ".")
        )
    parts = []
    if mostly:
        parts.append(f"mostly {join(mostly)}, like {join(shown)}")
    if lately:
        parts.append(f"lately {join(lately)}")
    sentence = "; ".join(parts) + _rarely(rarely) + "."
    return sentence[0].upper() + sentence[1:]


def intent_sentence(about: Sequence[str], titles: Sequence[str]) -> str:
    """As "Comedies: Airplane! (1980) and Clueless (1995)"; titles: of the session, the newest first."""
    shown = join([_cut(title) for title in titles[:MAX_TITLES]])
    if not about:
        return shown
    words = join(about)
    return f"{words[0].upper()}{words[1:]}: {shown}"


def _rarely(rarely: Sequence[str]) -> str:
    return f"; rarely {join(rarely)}" if rarely else ""


def _cut(title: str) -> str:
    return title if len(title) <= TITLE_CHARACTERS else title[: TITLE_CHARACTERS - 1] + "…"
