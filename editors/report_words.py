"""What the report says, Italian and English: for someone who knows the customers and not programming."""

WORDS: dict[str, tuple[str, str]] = {
    "title": ("Quanto capisce il bot", "How well the bot understands"),
    "made": (
        "Fatto il {day}. {examples} esempi, {topics} argomenti.",
        "Made on {day}. {examples} examples, {topics} topics.",
    ),
    "how": (
        "Ogni esempio è stato provato da un modello che non l'aveva mai visto: è il modo onesto di sapere che cosa "
        "succederà con le frasi dei clienti.",
        "Every example was tried by a model that had never seen it: the honest way to know what will happen with "
        "customers' sentences.",
    ),
    "right": ("capiti", "understood"),
    "right_note": ("degli esempi vanno all'argomento giusto", "of the examples go to the right topic"),
    "by_language": ("italiano {it}, inglese {en}", "Italian {it}, English {en}"),
    "held_out": ("frasi nuove", "new sentences"),
    "held_out_note": (
        "capite, di {count} frasi scritte da altri e mai insegnate",
        "understood, of {count} sentences written by others and never taught",
    ),
    "wrong": ("risposte sbagliate", "wrong answers"),
    "wrong_note": (
        "degli esempi: il bot era sicuro e ha risposto su altro",
        "of the examples: the bot was sure, and answered something else",
    ),
    "asked": ("domande in più", "extra questions"),
    "asked_note": (
        "degli esempi: il bot chiede «Intendi … o …?» ({close}) o altre parole ({unsure})",
        "of the examples: the bot asks “do you mean …?” ({close}) or for other words ({unsure})",
    ),
    "refused": ("fuori tema riconosciuto", "out of scope recognised"),
    "refused_note": (
        "di {count} frasi che non ci riguardano: il bot non risponde a caso, chiede",
        "of {count} sentences that are not for us: the bot does not guess, it asks",
    ),
    "honest": ("errore sulla sicurezza", "error of its confidence"),
    "honest_note": (
        "quando dice «90 su 100» ha ragione 90 volte? Più è vicino a zero, meglio è (buono sotto {most})",
        "when it says “90 of 100”, is it right 90 times? The closer to zero the better (good below {most})",
    ),
    "next": ("Che cosa scrivere adesso", "What to write next"),
    "next_note": (
        "Gli argomenti dove una mezz'ora rende di più, i più urgenti per primi.",
        "The topics where half an hour pays most, the most urgent first.",
    ),
    "topic": ("argomento", "topic"),
    "understood": ("capito", "understood"),
    "examples": ("esempi it / en", "examples it / en"),
    "to_do": ("che cosa fare", "what to do"),
    "write_more": (
        "scrivi ancora {it} esempi in italiano e {en} in inglese",
        "write {it} more Italian and {en} more English examples",
    ),
    "write_more_it": ("scrivi ancora {it} esempi in italiano", "write {it} more Italian examples"),
    "write_more_en": ("scrivi ancora {en} esempi in inglese", "write {en} more English examples"),
    "tell_apart": (
        "spesso preso per {rivals}: scrivi frasi che li distinguono, in tutti e due",
        "often taken for {rivals}: write sentences that tell them apart, under both",
    ),
    "times": ("{rival} ({count} volte)", "{rival} ({count} times)"),
    "too_alike_one": (
        "due esempi quasi uguali, «{one}» e «{other}»: cambiane uno",
        "two examples are nearly the same, “{one}” and “{other}”: change one of them",
    ),
    "too_alike": (
        "{count} coppie di esempi quasi uguali, come «{one}» e «{other}»: cambiane uno",
        "{count} pairs of examples nearly the same, such as “{one}” and “{other}”: change one of them",
    ),
    "fine": ("va bene così", "fine as it is"),
    "weakest": ("Gli argomenti più deboli, frase per frase", "The weakest topics, sentence by sentence"),
    "weakest_note": (
        "Per ogni frase: per che cosa il bot l'ha presa e quanto era sicuro. Se la frase sta davvero nel suo "
        "argomento, "
        "scrivine altre simili; se starebbe bene anche nell'altro, spostala o toglila.",
        "For each sentence: what the bot took it for, and how sure it was. If the sentence does belong to its topic, "
        "write more like it; if it would suit the other as well, move it or take it out.",
    ),
    "sentence": ("frase", "sentence"),
    "taken_for": ("presa per", "taken for"),
    "sure": ("sicurezza", "confidence"),
    "like": ("perché somiglia a", "because it is like"),
    "where": ("dove", "where"),
    "and_more": ("e altre {count}", "and {count} more"),
    "none": ("nessuna", "none"),
    "matrix": ("Chi viene scambiato per chi", "What is taken for what"),
    "matrix_note": (
        "Una riga per argomento: di 100 suoi esempi, quanti finiscono in ogni colonna. In diagonale quelli giusti; "
        "ogni casella rossa è una coppia di argomenti da distinguere meglio.",
        "One row a topic: of 100 of its examples, how many end in each column. The diagonal is right; every red box is "
        "a pair of topics to tell apart better.",
    ),
    "confidence": ("Quanto è sicuro, e quando ha ragione", "How sure it is, and when it is right"),
    "confidence_note": (
        "A destra è più sicuro. Le frasi giuste dovrebbero stare a destra della linea, quelle sbagliate e quelle fuori "
        "tema a sinistra. A destra della linea il bot risponde; a sinistra chiede.",
        "Further right it is surer. Right sentences should be right of the line, wrong and out-of-scope ones "
        "left of it. "
        "Right of the line the bot answers; left of it, it asks.",
    ),
    "group_right": ("esempi capiti", "examples understood"),
    "group_wrong": ("esempi scambiati per altro", "examples taken for something else"),
    "group_beyond": ("frasi fuori tema", "out-of-scope sentences"),
    "less_sure": ("meno sicuro", "less sure"),
    "more_sure": ("più sicuro", "surer"),
    "line_sure": ("da qui risponde", "answers from here"),
    "scope": ("Fuori tema", "Out of scope"),
    "scope_note": (
        "Alzando la soglia il bot scarta più frasi che non ci riguardano, ma rifiuta anche più domande buone. "
        "Il punto è "
        "dove sta oggi: la soglia la sceglie l'addestramento, non va toccata a mano.",
        "A higher threshold turns away more of what is not for us, and refuses more good questions. The dot is "
        "where it "
        "stands today: training chooses it, nobody sets it by hand.",
    ),
    "across": ("domande buone rifiutate", "good questions refused"),
    "up": ("fuori tema scartato", "out of scope turned away"),
    "today": ("oggi", "today"),
    "answered_beyond": ("Fuori tema a cui il bot ha risposto", "Out of scope that the bot answered"),
    "answered_beyond_note": (
        "Se sono frasi che i clienti scrivono spesso, pensate a un argomento nuovo.",
        "If customers often write these, think of a new topic.",
    ),
    "new": ("Frasi mai insegnate", "Sentences never taught"),
    "new_note": (
        "Scritte senza guardare gli esempi (tests/intents/held_out.yml). Non copiatele negli esempi: "
        "misurerebbero solo "
        "la memoria. Scrivetene invece altre, con le stesse difficoltà.",
        "Written without looking at the examples (tests/intents/held_out.yml). Never copy them into the examples: they "
        "would only measure memory. Write others with the same difficulty instead.",
    ),
    "missed": ("non capite", "not understood"),
    "switch": ("English", "Italiano"),
    "no_aside": (
        "Manca tests/intents/: senza frasi messe da parte questo non si può misurare.",
        "tests/intents/ is missing: without sentences set aside this cannot be measured.",
    ),
    "did_sure": ("ha risposto", "answered"),
    "did_close": ("ha chiesto quale dei due", "asked which of two"),
    "did_unsure": ("ha chiesto altre parole", "asked for other words"),
    "foot": (
        "`make content` elenca gli errori con il file e la riga; docs/contenuti.md spiega come leggere questa pagina.",
        "`make content` lists mistakes with file and line; docs/content.md explains how to read this page.",
    ),
    "written": ("Scritto {file}", "Wrote {file}"),
}  # fmt: skip

#: Names of what has no short title of its own, since the bot never offers it.
SMALL_TALK: dict[str, tuple[str, str]] = {
    "greet": ("Saluto", "Hello"),
    "goodbye": ("Congedo", "Goodbye"),
    "thank": ("Ringraziamento", "Thanks"),
    "affirm": ("Sì", "Yes"),
    "deny": ("No", "No"),
    "ask_bot": ("Sei un bot?", "Are you a bot?"),
    "misunderstood": ("Hai capito male", "You misunderstood"),
    "ask_human": ("Una persona", "A person"),
}
