"""The words of promising, for bot/model/promises.py: small letters without accents.

Italian verbs promise in the future ("la richiamera"), or in the present with a time ("la richiamo domani").
"""

from __future__ import annotations

import re

#: Stems whose future promises even where the accent was not typed ("chiamera").
_STEMS = (
    "chiamer|richiamer|contatter|ricontatter|inviar|invier|mander|arriver|passer|scriver|risponder|aggiorner|avviser|"
    "spedir|consegner|ricever|verr|avr|sar|rimborser|accrediter|attiver|riattiver|riparer|interverr|far|dar|dir|"
    "terr|confermer|comunicher|risolver|sistemer|partir|provveder"
)
#: Futures that are somebody else's business or a plain fact: duties, chances, shops, what ends.
_NOT_OURS = (
    r"(?:dovr|potr|vorr|scadr|finir|terminer|servir|baster|coster|pagher|aprir|riaprir|chiudera|varr|sapr|capir|"
    r"permetter|consentir|preferir|occorrer|bisogner|spetter|durer|restituir|vedrai|pero$|estremo|supremo|libr|"
    r"numero|intero)"
)
_FUTURE = re.compile(
    r"\b\w+(?:r[òà]|r[oa]')(?=\W|$)|\b\w{2,}(?:remo|ranno)\b|\b(?:ricev|av|sa|trov|pot|ha)\w*r(?:ai|ete)\b"
)
_PLAIN_FUTURE = re.compile(rf"\b(?:{_STEMS})[oa]\b")
_SAID_BY_US = re.compile(r"\bsara(?:nno)?'? (?:chius|apert|necessari|sufficient|festa|possibil|valid|disponibil|"
    r"opportun)")
_CUSTOMER_WILL = re.compile(r"\b(?:mi|ci) (?!sar|arriver)\w+r(?:à|ai|a')(?=\W|$)")

#: First person, present: a promise only with a time.
_I = (
    r"richiamo|ricontatto|scrivo|mando|spedisco|rispondo|faccio (?:sapere|avere|passare|chiamare|richiamare)|dico|"
    r"do (?:una|un|la|notizie|conferma|risposta)|sollecito|verifico|controllo|sistemo|provvedo|risolvo|comunico|"
    r"torno da|"
    r"mi occupo|mi impegno|prometto|garantisco|assicuro|mi informo|prenoto|"
    r"(?:le|la|ti|vi|lo|li|te l[oa]|ve l[oa]|gliel[oaie]|glie l[oa]) ?(?:chiamo|contatto|invio|giro|aggiorno|avviso|"
    r"confermo|fisso|attivo|riattivo|rimborso|porto|passo|preparo|do)|procedo|tengo aggiornat[oaie]"
)
_WE = (
    r"(?:ri)?chiamiamo|(?:ri)?contattiamo|scriviamo|inviamo|mandiamo|spediamo|rispondiamo|aggiorniamo|avvisiamo|"
    r"confermiamo|facciamo (?:sapere|avere|passare|chiamare|richiamare)|(?:ri)?attiviamo|rimborsiamo|sistemiamo|"
    r"risolviamo|provvediamo|procediamo|accreditiamo|consegniamo|passiamo|interveniamo|completiamo|"
    r"diamo (?:una|un|la|notizie|conferma|risposta)|ci sentiamo|ripariamo|teniamo aggiornat[oaie]"
)
_OTHERS = (
    r"(?:la|ti|vi|lo|le|li) (?:ri)?(?:chiam|contatt|scriv|rispond|avvis|aggiorn)[aeo]\w{0,2}|ricontatta|richiama|"
    r"(?<!la )(?<!una )passa|viene|vengono|arriva|arrivano|consegna|consegnano|interviene|riceve|ricevi|torna|parte|"
    r"spedisce|spediscono|richiamano|riparano"
)
_PRESENT = re.compile(rf"\b(?:{_I}|{_WE}|{_OTHERS})\b")
_ITALIAN_VAGUE = re.compile(
    r"\b(?:(?:la|ti|vi|lo|le|li) (?:(?:ri)?(?:chiam|contatt)|ricontatt|aggiorn|avvis|scriv)(?:o|iamo)|"
    r"facci(?:o|amo) sapere|te(?:ngo|niamo) aggiornat[oaie]|torno da (?:lei|te|voi))\b"
)

#: English: will and going to, whoever will; the present with a time.
_WILL = re.compile(
    r"(?:'ll|\b(?:will|shall)|\bgoing to) (?!not\b|need|have to|be (?:closed|open|able|back on)|you\b|we\b|i\b|"
    r"see|cost|"
    r"open|close|reopen|expire|end|understand|renew)\w+"
)
_YOU_WILL = re.compile(r"\byou(?:'ll| will|'re going to| are going to) (?!receive|get|have (?!to)|hear|be "
    r"(?:contacted|called|refunded|credited|notified)|find)")
_ENGLISH = re.compile(
    r"\b(?:i|we) (?:promise|guarantee|assure)\b|\bexpect (?:a|an|the|your|our|it|to)\b|\blet me (?:get back|call|"
    r"write|come back)\b|"
    r"(?:'m|\bam|'re|\bare|'s|\bis) (?:calling|sending|shipping|coming|visiting|delivering|contacting|writing|"
    r"getting|"
    r"emailing|arriving|posting|mailing|refunding|ringing|following)\b|"
    r"\b(?:technician|courier|engineer|colleague|replacement|modem|router|sim|parcel|it|he|she|order|refund) "
    r"(?:ships|arrives|comes|calls|visits|delivers|leaves|gets|goes out)\b"
)  # fmt: skip
_ENGLISH_VAGUE = re.compile(
    r"(?:'ll|\b(?:will|shall)|\bgoing to) (?:\w+ly )?(?:call|ring|phone|contact|get|let|write|update|be in touch|"
    r"be contacted|"
    r"keep|hear|reply|answer|come back|send|receive|follow up|notify|email|have|inform)\b|\bbe in touch\b"
)

_SOME_TIME = re.compile(
    r"\b(?:qualche (?:giorn|or|minut)\w+|a breve|al piu presto|appena possibile|quanto prima|il prima possibile|"
    r"prossimi giorni|as soon as possible|asap|shortly|soon|(?:few|coming|next) (?:days|hours))\b"
)

#: What is no promise, whatever else the words are.
BEFORE = re.compile(
    r"\b(?:ieri(?: sera| mattina| pomeriggio)?|l'altro ieri|yesterday(?: \w+)?|last (?:week|month|night|\w+day)|"
    r"(?:\w+ )?scors[oa]|\w+ (?:giorni|ore|settimane|mesi) fa|\w+ (?:days|hours|weeks|months) ago)\b"
)
DENIED = re.compile(r"\b(?:non|nessun[oa]?|won't|not|cannot|can't|never|unable|mai|senza che)\b")
NO_DENIAL = re.compile(
    r"\bnon (?:oltre|piu tardi(?: di| del(?:le|la|l')?)?|si preoccupi|ti preoccupare|preoccuparti|appena|solo|c'e "
    r"problema)\b"
    r"|\b(?:no|not) later than\b|\bdon't worry\b|\bif not (?:before|sooner)\b|\bse non prima\b"
)
HOURS = re.compile(
    r"\b(?:apre|aprono|riapre|chiude(?! la)|chiudono|apert[oaie]|orari[oi]?|closed|reopens?|opens?|closes|opening|"
    r"our hours)\b"
    r"|\b(?:negozi[oo]?|punto vendita|ufficio|sportello|team|call center|store|shop|office) (?:\w+ ){0,3}"
    r"(?:torna|riapr|sara|apr|chiud|is|will be (?:back|closed|open)|are)"
)
REGULARLY = re.compile(r"\b(?:ogni|every|di solito|usually|sempre|always|normalmente|normally)\b")
REPORTED = re.compile(
    r"\b(?:vuole|vuoi|vorrebbe|vorresti|voleva|volevi|preferisce|preferisci|preferirebbe|"
    r"(?:mi|ci|lei|tu) (?:ha|hai|aveva|avevi) \w+|(?:ha|hai|aveva|avevi|hanno|avevano) (?:chiesto|detto|scritto|"
    r"promesso)|"
    r"sarebbe|avrebbe(?:ro)?|mi dice|ci dice|ci scrive|mi scrive|secondo lei|"
    r"(?:you|he|she|they) (?:\w+ )?(?:asked|wrote|wanted|said|told|prefer(?:red)?|want|need(?:ed)?|wish(?:ed)?|"
    r"mentioned)|"
    r"(?:would|could|should|was|were) (?:\w+ )?(?:come|like|be|call|have|supposed))\b"
)
CONDITION = re.compile(
    r"(?:^|\b(?:e|ma|and|but|allora|ok|bene) )(?:se|qualora|nel caso|a meno che|if|unless|in case|once|when|after|"
    r"quando|"
    r"una volta (?:che|ricevut\w+|arrivat\w+)|dopo che|provided)\b(?! (?:we|i|ho|abbiamo|avremo|possibile)\b)"
)
IF_INSIDE = re.compile(r"\b(?:se|if|unless|provided|a patto che|purche|once you|when you|after you)\b")
KNOWING = re.compile(
    r"\b(?:sapere|verific\w*|controll\w*|chied\w*|capir\w*|conferm\w*|dire|diro|dico|vedere|vedo|comunic\w*|know|"
    r"check|"
    r"confirm|tell|see|find out|ask)\b"
)
IN_THIS_MOMENT = re.compile(r"\b(?:subito|adesso|ora|immediatamente|un attimo|un momento|right now|now|right away|"
    r"moment)\b")
TAG = re.compile(
    r"[,.;]?\s*(?:le va bene|ti va bene|va bene(?: per lei)?|ok(?:ay)?|d'accordo|giusto|is that ok(?:ay)?|all ?right|"
    r"does that work|is that fine)\s*\?$"
)
#: By which kind they are counted, the first that fits.
KINDS = (
    ("call", r"chiam|telefon|sentiamo|\bcall|\bring\b|phone|contatt|contact|touch"),
    ("refund", r"rimbors|accredit|storn|restitu|nota di credito|refund|credit"),
    ("delivery", r"modem|\bsim\b|\bpin\b|\bpuk\b|corriere|spedi|consegn|pacco|\bkit\b|courier|deliver|ship|parcel|"
                r"router|"
                 r"replacement|invi(?:o|a|e)|send"),
    ("visit", r"tecnico|passa|passer|interven|interver|sopralluogo|visit|engineer|technician|appuntamento|"
                r"appointment"),
    ("line", r"attiv|guast|ripar|funzion|linea|internet|portat|portab|activ|repair|\bfix|\bline\b|back up|ported|"
                r"risol|sistem"),
    ("answer", r"rispo|sapere|aggiorn|scriv|mail|conferm|notizie|comunic|\bdic|avvis|know|reply|answer|write|"
                r"update|hear|"
               r"confirm|get back"),
)  # fmt: skip
_SLIPS = {
    "tommorow": "tomorrow", "tomorow": "tomorrow", "tommorrow": "tomorrow", "tmrw": "tomorrow",
    "doppodomani": "dopodomani", "dom": "domani",
    "wensday": "wednesday", "wendsday": "wednesday", "pom": "pomeriggio", "hr": "hour",
}  # fmt: skip
_TIMES = (
    "domani dopodomani domattina giornata mattina mattinata pomeriggio stasera serata settimana lunedi martedi "
    "mercoledi giovedi venerdi sabato domenica entro giorni lavorativi mezzogiorno tomorrow morning afternoon evening "
    "tonight monday tuesday wednesday thursday friday saturday sunday within hours working business minutes"
).split()
_VERBS = (
    "richiamo rispondo ricontatto contatto aggiorno scrivo sollecito confermo spedisco ricontattiamo richiamiamo "
    "rispondiamo spediamo contattiamo arriva riceve"
).split()
_REAL = frozenset(
    "dentro centro entra entri entrambi hour house domande domanda mattine settimane giornate serate contratto".split()
)


def commits(clause: str, accented: str) -> bool:
    """Do these words promise, if a time is with them? `accented` is the clause with its accents."""
    return promises_alone(clause, accented) or bool(_PRESENT.search(clause)) or bool(_ENGLISH.search(clause))


def promises_alone(clause: str, accented: str) -> bool:
    """A future of ours: it promises even without a time."""
    if _SAID_BY_US.search(clause) or _CUSTOMER_WILL.search(accented):
        return False
    if _WILL.search(clause) and not _YOU_WILL.search(clause):
        return True
    found = [*_FUTURE.findall(accented), *_PLAIN_FUTURE.findall(clause)]
    return any(not re.match(_NOT_OURS, word.translate(_BARE)) for word in found)


def vague(clause: str, accented: str) -> bool:
    """Without a time: a promise that nobody can watch?"""
    if _ITALIAN_VAGUE.search(clause) and not IN_THIS_MOMENT.search(clause):
        return True
    if _ENGLISH_VAGUE.search(clause) and not _YOU_WILL.search(clause):
        return not IN_THIS_MOMENT.search(clause)
    if _SOME_TIME.search(clause) and commits(clause, accented):
        return True
    return not _WILL.search(clause) and promises_alone(clause, accented) and not IN_THIS_MOMENT.search(clause)


_BARE = str.maketrans("àèéìòù", "aeeiou")


def mended(word: str) -> str:
    """The word without a slip of the keys, where it is clear what was meant."""
    if word in _SLIPS:
        return _SLIPS[word]
    if len(word) < 5 or word in _REAL or word in _TIMES or word in _VERBS:
        return word
    times = [known for known in _TIMES if known[0] == word[0] and _near(word, known)]
    verbs = [known for known in _VERBS if len(word) > 5 and _slipped(word, known)]
    return (times or verbs or [word])[0]


def _near(word: str, known: str) -> bool:
    """One letter more, less, other, or two swapped."""
    if len(word) == len(known):
        return _swapped(word, known) or (len(word) > 5 and sum(a != b for a, b in zip(word, known, strict=True)) == 1)
    return abs(len(word) - len(known)) == 1 and _one_less(*sorted((word, known), key=len))


def _slipped(word: str, known: str) -> bool:
    """Two letters swapped or one missing: other differences may be another form of the verb."""
    return _swapped(word, known) if len(word) == len(known) else len(word) + 1 == len(known) and _one_less(word, known)


def _swapped(word: str, known: str) -> bool:
    differ = [n for n, (a, b) in enumerate(zip(word, known, strict=True)) if a != b]
    return len(differ) == 2 and differ[1] == differ[0] + 1 and word[differ[0]] == known[differ[1]] and (
        word[differ[1]] == known[differ[0]]
    )


def _one_less(short: str, long: str) -> bool:
    return any(long[:n] + long[n + 1 :] == short for n in range(len(long)))
