"""Every mistake in plain words, Italian and English. A warning is worth a look and stops nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from editors.file_sentences import FILES


@dataclass(frozen=True)
class Mistake:
    """One thing to mend: where (`line` 0: the whole place), which sentence of SENTENCES, and its words."""

    file: str
    line: int
    say: str
    values: Mapping[str, object] = field(default_factory=dict)
    warning: bool = False

    def text(self, language: str) -> str:
        """The whole line as it is printed."""
        where = f"{self.file}:{self.line}" if self.line else self.file
        sentence = SENTENCES[self.say][0 if language == "it" else 1]
        return f"{where}: {sentence.format_map(self.values)}"


SENTENCES: dict[str, tuple[str, str]] = {
    **FILES,
    # what customers say
    "unlisted_intent": (
        "l'argomento {intent} non è in domain/: aggiungilo lì sotto `intents:`.",
        "the intent {intent} is not in domain/; add it under `intents:` there.",
    ),
    "no_language": (
        "un blocco di {intent} non ha una lingua conosciuta ({language}): scrivi `metadata: {{language: it}}` o en.",
        "a block of {intent} is in no known language ({language}); write `metadata: {{language: it}}` or en.",
    ),
    "no_examples_it": ("{intent} non ha esempi in italiano.", "{intent} has no examples in Italian."),
    "no_examples_en": ("{intent} non ha esempi in inglese.", "{intent} has no examples in English."),
    "few_it": (
        "{intent} ha solo {count} esempi in italiano: con meno di {fewest} il bot tira a indovinare.",
        "{intent} has only {count} examples in Italian: with fewer than {fewest} the bot guesses.",
    ),
    "few_en": (
        "{intent} ha solo {count} esempi in inglese: con meno di {fewest} il bot tira a indovinare.",
        "{intent} has only {count} examples in English: with fewer than {fewest} the bot guesses.",
    ),
    "in_two_topics": (
        "«{text}» è un esempio di {intent} e anche di {other} ({there}): tienilo in uno solo.",
        "“{text}” is an example of {intent} and of {other} ({there}); keep it in one of them.",
    ),
    "nearly_in_two_topics": (
        "«{text}» ({intent}) è quasi uguale a «{near}» di {other} ({there}): il bot non può distinguerle.",
        "“{text}” ({intent}) is nearly the same as “{near}” of {other} ({there}): the bot cannot tell them apart.",
    ),
    "no_dash": (
        "davanti a «{text}» manca il trattino: ogni frase comincia con «- », o il bot non la impara.",
        "“{text}” has no dash before it: each sentence begins with “- ”, or the bot does not learn it.",
    ),
    "block_elsewhere": (
        "gli esempi di {intent} vanno in nlu/{stem}.yml, insieme agli altri: un argomento, un file.",
        "the examples of {intent} belong into nlu/{stem}.yml, with the others: one topic, one file.",
    ),
    "twice": (
        "«{text}» c'è due volte in {intent} (riga {there}): la seconda non insegna niente.",
        "“{text}” stands twice under {intent} (line {there}): the second teaches nothing.",
    ),
    "alike": (
        "«{text}» è quasi uguale a «{near}» (riga {there}): scrivine una diversa.",
        "“{text}” is nearly the same as “{near}” (line {there}): write a different one.",
    ),
    "personal_fiscal_code": (
        "«{text}» contiene un codice fiscale: negli esempi non ci va il dato di nessuno.",
        "“{text}” holds a codice fiscale; examples must not hold anybody's data.",
    ),
    "personal_customer_code": (
        "«{text}» contiene un codice cliente: negli esempi non ci va il dato di nessuno.",
        "“{text}” holds a customer code; examples must not hold anybody's data.",
    ),
    "personal_phone": (
        "«{text}» contiene un numero di telefono: negli esempi non ci va il dato di nessuno.",
        "“{text}” holds a phone number; examples must not hold anybody's data.",
    ),
    "personal_email": (
        "«{text}» contiene un indirizzo e-mail: negli esempi non ci va il dato di nessuno.",
        "“{text}” holds an e-mail address; examples must not hold anybody's data.",
    ),
    # what the model makes of it
    "wrong": (
        "«{text}» sta in {intent}, ma il bot è sicuro che sia {other} ({sure} su 100). Simile a «{near}» ({there}).",
        "“{text}” stands under {intent}, but the bot is sure it is {other} ({sure} of 100). Like “{near}” ({there}).",
    ),
    "in_vain": (
        "«{text}» sta in {intent}, ma anche dopo averla imparata il bot la prende per {other}: contraddice altre "
        "frasi, come «{near}» ({there}).",
        "“{text}” stands under {intent}, but even having learned it the bot takes it for {other}: it contradicts "
        "others, such as “{near}” ({there}).",
    ),
    "confused": (
        "«{text}» sta in {intent}; senza averla imparata il bot la prende per {other} ({sure} su 100).",
        "“{text}” stands under {intent}; not having learned it, the bot takes it for {other} ({sure} of 100).",
    ),
    "no_model": (
        "il modello non ha potuto provare le frasi: {error}",
        "the model could not try the sentences: {error}",
    ),
    # what the bot says
    "response_twice": (
        "la risposta {response} c'è anche in {other}: ne vale una sola, togli l'altra.",
        "the answer {response} is in {other} too: only one of them counts, take the other out.",
    ),
    "no_italian": (
        "a {response} manca il testo italiano (quello senza `condition:`).",
        "{response} has no Italian text (the one without `condition:`).",
    ),
    "no_english": (
        "a {response} manca il testo inglese (`condition: [{{type: slot, name: language, value: en}}]`).",
        "{response} has no English text (`condition: [{{type: slot, name: language, value: en}}]`).",
    ),
    "empty_text": ("{response} ha un testo vuoto.", "{response} has an empty text."),
    "curly": (
        "{response}: il testo è tra virgolette tipografiche “ ”, che il cliente vedrebbe: usa quelle diritte \".",
        "{response}: the text stands between curly quotes “ ”, which customers would see: use straight ones \".",
    ),
    "long_text": (
        "{response}: «{start}…» è lungo {length} caratteri; al massimo {most}.",
        "{response}: “{start}…” is {length} characters long; {most} is the most.",
    ),
    "split_text": (
        "{response}: su {platform} il testo non sta in un messaggio (al massimo {most} caratteri).",
        "{response}: on {platform} the text does not fit into one message ({most} characters at most).",
    ),
    "emoji": ("{response}: «{start}…» ha più di un'emoji.", "{response}: “{start}…” has more than one emoji."),
    "shouts": (
        "{response}: «{start}…» grida; basta un punto esclamativo.",
        "{response}: “{start}…” shouts; one exclamation mark is plenty.",
    ),
    "unknown_variable": (
        "{response}: la variabile {variable} non esiste: nessuno la riempirebbe. Controlla come è scritta.",
        "{response}: the variable {variable} does not exist: nothing would fill it. Check how it is spelled.",
    ),
    "many_buttons": (
        "{response} ha {count} pulsanti; al massimo {most}.",
        "{response} has {count} buttons; {most} is the most.",
    ),
    "buttons_lost": (
        "{response}: {count} pulsanti più quello per una persona sono troppi per {platform} (al massimo {most}).",
        "{response}: {count} buttons and the way to a person are too many for {platform}: {most} at most.",
    ),
    "title_twice": (
        "{response} ha due pulsanti «{title}».",
        "{response} has the button “{title}” twice in one message.",
    ),
    "no_title": ("{response} ha un pulsante senza titolo.", "{response} has a button without a title."),
    "title_long": (
        "{response}: il pulsante «{title}» è lungo {length} caratteri; {platform} ne mostra al massimo {most}.",
        "{response}: the button “{title}” is {length} characters long; {platform} shows {most} at most.",
    ),
    "payload_long": (
        "{response}: il payload di «{title}» è troppo lungo per {platform} (al massimo {most} byte).",
        "{response}: the payload of “{title}” is too long for {platform} ({most} bytes at most).",
    ),
    "payload_shape": (
        "{response}: il payload di «{title}» è {payload!r}; dev'essere /argomento, o /argomento e dati tra graffe.",
        "{response}: the payload of “{title}” is {payload!r}; it must be /intent, or /intent and data in braces.",
    ),
    "person_button": (
        "{response}: togli il pulsante «{title}»: la strada verso una persona l'aggiunge il bot da solo.",
        "{response}: take the button “{title}” out; the bot adds a way to a person by itself.",
    ),
    "leads_nowhere": (
        "{response}: il pulsante «{title}» porta a /{intent}, che in domain/ non c'è sotto `intents:`.",
        "{response}: the button “{title}” leads to /{intent}, which no domain file lists under `intents:`.",
    ),
    "leads_to_silence": (
        "{response}: il pulsante «{title}» porta a /{intent}, ma nessuna regola in stories/ risponde.",
        "{response}: the button “{title}” leads to /{intent}, but no rule in stories/ answers it.",
    ),
    "single_braces": (
        "{response}: il payload di «{title}» vuole le graffe doppie, {{{{ e }}}}; le semplici sono per le variabili.",
        "{response}: the payload of “{title}” needs doubled braces, {{{{ and }}}}; single ones are for variables.",
    ),
    "no_json": (
        "{response}: il payload di «{title}» non è scritto bene tra le graffe: {data}.",
        "{response}: the payload of “{title}” is not JSON between its braces: {data}.",
    ),
    "unknown_entity": (
        "{response}: il payload di «{title}» manda {entity}, che in domain/ non c'è sotto `entities:`.",
        "{response}: the payload of “{title}” gives {entity}, which no domain file lists under `entities:`.",
    ),
    "lacks_it": ("{response}: al testo italiano manca {names}.", "{response}: the Italian text lacks {names}."),
    "lacks_en": ("{response}: al testo inglese manca {names}.", "{response}: the English text lacks {names}."),
    "different_buttons": (
        "{response}: i pulsanti delle due lingue non portano agli stessi posti nello stesso ordine.",
        "{response}: the buttons of the two languages do not lead to the same places in the same order.",
    ),
    "forgotten": (
        "{response} non la dice nessuno: usala in una regola o in un'azione, oppure toglila.",
        "nothing says {response}; use it in a story or an action, or remove it.",
    ),
    # topics and rules
    "intent_twice": (
        "l'argomento {intent} è già elencato in {other}: qui toglilo.",
        "the topic {intent} is listed in {other} already: take it out here.",
    ),
    "no_answer": (
        "l'argomento {intent} non ha risposta: in stories/ nessuna regola dice che cosa fare.",
        "the topic {intent} has no answer: no rule in stories/ says what to do.",
    ),
    "no_topic_title": (
        "all'argomento {intent} manca il titolo breve: scrivi utter_topic_{intent}, serve per «Intendi … o …?».",
        "the topic {intent} has no short title: write utter_topic_{intent}, “Did you mean … or …?” needs it.",
    ),
    "title_of_nothing": (
        "{response} è il titolo breve di {intent}, che in domain/ non c'è sotto `intents:`.",
        "{response} is the short title of {intent}, which no domain file lists under `intents:`.",
    ),
    "nobody_reaches": (
        "l'intento {intent} non ha né esempi in nlu/ né un pulsante che ci porti.",
        "the intent {intent} has neither examples in nlu/ nor a button that leads to it.",
    ),
    "story_intent": (
        "«{story}»: l'intento {name} non è in nessun file di domain/.",
        "“{story}”: no domain file lists the intent {name}.",
    ),
    "story_action": (
        "«{story}»: l'azione o risposta {name} non è in nessun file di domain/.",
        "“{story}”: no domain file lists the action {name}.",
    ),
    "story_form": (
        "«{story}»: il modulo {name} non è in nessun file di domain/.",
        "“{story}”: no domain file lists the form {name}.",
    ),
    "story_slot": (
        "«{story}»: la variabile {name} non è in nessun file di domain/.",
        "“{story}”: no domain file lists the slot {name}.",
    ),
    "rule_without_action": (
        "la regola «{story}» non fa niente: manca `- action:`.",
        "the rule “{story}” does nothing: it has no `- action:`.",
    ),
    "rule_twice": (
        "la regola «{story}» dice la stessa cosa di «{other}» ({there}): tienine una.",
        "the rule “{story}” says the same as “{other}” ({there}): keep one of them.",
    ),
    "contradiction": (
        "la regola «{story}» fa {action}, ma nella stessa situazione «{other}» fa {before} ({there}).",
        "the rule “{story}” does {action}, but in the same situation “{other}” does {before} ({there}).",
    ),
    "no_effect": (
        "«{story}»: la condizione su {name} non ha effetto: quella variabile ha `influence_conversation: false`.",
        "“{story}”: the condition on {name} has no effect: that slot has `influence_conversation: false`.",
    ),
    # code
    "no_code": (
        "in actions/ nessuna classe ha il nome {action}.",
        "no class in actions/ has the name {action}.",
    ),
    "undeclared_code": (
        "il codice ha {action}, ma nessun file di domain/ lo elenca sotto `actions:`: Rasa non lo troverebbe.",
        "the code has {action}, which no domain file lists under `actions:`; Rasa would not find it.",
    ),
    "code_response": (
        "il codice dice {response}, che in domain/ non c'è.",
        "the code utters {response}, which no domain file has.",
    ),
    "code_built": (
        "il codice dice risposte come {response}, e in domain/ non ce n'è nessuna.",
        "the code utters responses such as {response}, and no domain file has one.",
    ),
    "form_slot": (
        "il modulo {form} chiede {slot}, che in domain/ non c'è sotto `slots:`.",
        "the form {form} asks for {slot}, which no domain file lists under `slots:`.",
    ),
    # the service's own words
    "service_text_missing": (
        "«{key}» manca in bot/texts/{lacking}.yml: senza, il bot non parte.",
        "“{key}” is missing in bot/texts/{lacking}.yml: without it the bot does not start.",
    ),
    "service_text_lacks": (
        "a «{key}» manca {names}, che nell'altra lingua c'è.",
        "“{key}” lacks {names}, which the other language has.",
    ),
    "teams_topic": (
        "non c'è nessun argomento e nessun motivo «{name}»: controlla come è scritto in domain/.",
        "there is no topic and no reason “{name}”: see how domain/ spells it.",
    ),
    "no_desk_name": (
        "al banco gli operatori leggono «{intent}» così com'è: dagli un nome in {file}, sotto `topic:`.",
        "at the desk people read “{intent}” as it stands here; give it a name in {file}, under `topic:`.",
    ),
}  # fmt: skip
