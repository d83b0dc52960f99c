"""What a customer tells of a fault: since when, when to call, that it works again; and what tells nothing."""

from __future__ import annotations

import re

from actions.forms import CORRECTS, Said

_SPAN = (
    r"(un|un'|una|due|tre|quattro|cinque|sei|sette|dieci|qualche|alcuni|diversi|parecchi|\d+) ?"
    r"(minut|or[ae]|giorn|settiman|mes[ei])\w*"
)
_DAY = (
    r"(ieri|oggi|stamattina|stamani|stanotte|stasera|questa (mattina|notte)|(luned|marted|mercoled|gioved|venerd)[iì]"
    r"|sabato|domenica)( (sera|mattina|pomeriggio|notte|scors[ao]))?"
)
_SINCE = r"(yesterday|today|this (morning|afternoon|evening|week)|last (night|week)|\w+day)( (morning|evening))?"
_FOR = r"(a|an|two|three|four|five|six|several|a few|some|the last|\d+) ?(minute|hour|day|week|month)s?"
#: What the first message tells of the time is not asked again.
SINCE = re.compile(
    rf"\b((da|dal|dalla)( circa| quasi| più di)? ({_DAY}|{_SPAN})|(è|sono|saranno) {_SPAN}|since {_SINCE}"
    rf"|for (about )?{_FOR})\b",
    re.IGNORECASE,
)
#: What a technician would ask next: who says it at once is not asked "what happens, exactly?".
SYMPTOM = re.compile(
    r"\b(lent(a|o|i|issim\w+)|va piano|cade|salta|va e viene|(si )?disconnett\w+|si (scollega|stacca|blocca)"
    r"|gracchi\w+|fruscio|mut[oa]|tutto (morto|spento)|nessun (suono|segnale)|niente (segnale|suono|linea)"
    r"|(luce|spia) \w+|lampeggi\w+"
    r"|slow(ly)?|(keeps )?drop(s|ping)|cut(s|ting) out|disconnect\w+|crackl\w+|no (dial tone|sound|signal)|dead"
    r"|(red|blinking|flashing) light|blinking)\b",
    re.IGNORECASE,
)
#: When to call, told with the fault.
CALL_AT = re.compile(
    r"\b(chiam\w+|sentir\w*|contatt\w+|telefonat\w+|call\w*|ring)\b.{0,20}\b(?P<time>mattin\w*|pomerigg\w+|ser[ae]"
    r"|quando vol\w+|dopo le \d{1,2}|prima delle \d{1,2}|mornings?|afternoons?|evenings?|any ?time|after \d{1,2})\b",
    re.IGNORECASE,
)
_UNIT = re.compile(r"\b(minut|or[ae]|giorn|settiman|mes[ei]|minute|hour|day|week|month)\w*", re.IGNORECASE)
_FROM = re.compile(r"\b(da|dal|dalla|since|for)\s+\w+", re.IGNORECASE)
#: More words than this are the story, not a time put right.
SHORT = 6
_THINGS = r"(internet|(la )?(linea|connessione|rete)|(il )?(segnale|telefono|wi-?fi)|tutto)"
_END = r"(?=\W*$|\s*[,.!]|\W+(grazie|ok|thanks|thank you)\b)"
#: "Ah no, ha ripreso": there is nothing left to report.
_WORKS = re.compile(
    rf"\b(ha ripreso|è ripartit[oa]|funziona di nuovo|{_THINGS} è tornat[oa]|è tornat[oa] {_THINGS}"
    rf"|si è (sistemat|risolt|ripres|aggiustat)[oa]|(ho|è stato|tutto) risolto|risolto da sol[oa]"
    rf"|((ora|adesso|già) (va|vanno|funziona(no)?|prende)( bene| tutto| di nuovo)?|è tornat[oa]){_END}"
    rf"|(it'?s|it is|came) back|works (now|again)|working (now|again|fine)|(it'?s|is|got) fixed|fixed itself)",
    re.IGNORECASE,
)
_NOT_YET = re.compile(
    r"\b(non|nn|niente|nulla|ma|però|quando|se|(?<!da )solo|lent[oa]|peggio)\b"
    r"|\b(not|nothing|never|but|when|if|only|until|slow(ly)?)\b|n['’]t\b|\?",
    re.IGNORECASE,
)
#: "Sì" and "grazie" alone tell a technician nothing.
NOTHING, FEW_WORDS = frozenset({"greet", "goodbye", "thank", "affirm", "deny"}), 2
#: Answered by a time: "da lunedì" is none of the goodbyes that it sounds like.
TIMES = frozenset({"fault_since", "contact_time"})
_WHEN = re.compile(
    r"\d|\b(giorn|settiman|mes[ei]\b|ann[oi]\b|ore\b|or[ae] fa|ieri|oggi|domani|stamat|stanotte|staser|mattin"
    r"|pomeriggi|ser[ae]\b|nott|sempre|luned|marted|mercoled|gioved|venerd|sabat|domenic|week-?end"
    r"|(mon|tues|wednes|thurs|fri|satur|sun)?days?\b|week|month|year|hour|yester|today|tomorrow|morning|afternoon"
    r"|evening|night|noon|always|since|ago\b|quando (vuol|volet|vi pare|le pare|prefer|capit|pot|può|puo)"
    r"|qualsiasi|qualunque|indifferent|è uguale|any ?time|whenever)",
    re.IGNORECASE,
)


def works_again(said: str) -> bool:
    """Whether the customer tells that it works again, without a but: not "è tornata, ma adesso di nuovo niente"."""
    return bool(_WORKS.search(said)) and not _NOT_YET.search(said)


def says_when(words: Said) -> bool:
    """A time, where one was asked for; not "domani siete aperti?"."""
    return words.asked in TIMES and bool(_WHEN.search(words.text)) and "?" not in words.text


def other_since(words: Said, before: str) -> str | None:
    """ "Anzi no, da tre", said after "da due giorni" was taken: the time put right; None for anything else."""
    said = words.text
    if words.tapped or not CORRECTS.search(said) or not _FROM.search(said) or len(said.split()) > SHORT:
        return None
    unit = None if _WHEN.search(said) else _UNIT.search(before)
    return f"{said} {unit.group()}" if unit else said


def says_nothing(words: Said) -> bool:
    """Small talk of a word or two: no answer to a question of this form."""
    return words.intent in NOTHING and len(words.text.split()) <= FEW_WORDS
