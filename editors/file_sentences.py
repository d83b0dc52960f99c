"""What can be wrong with a file as a file, in plain words; see sentences.py."""

from __future__ import annotations

FILES: dict[str, tuple[str, str]] = {
    "unreadable": ("il file non si legge: {error}.", "the file cannot be read: {error}."),
    "not_utf8": (
        "il file non si legge: è salvato con un'altra codifica. Salvalo di nuovo scegliendo «UTF-8».",
        "the file cannot be read: it is saved in another encoding. Save it again, as “UTF-8”.",
    ),
    "yaml_tab": (
        "il file non si legge: la riga comincia con una tabulazione. Mettici degli spazi, come nelle righe vicine.",
        "the file cannot be read: the line begins with a tab. Put spaces there, as in the lines around it.",
    ),
    "yaml_quote": (
        "il file non si legge: le virgolette non tornano. Il testo comincia e finisce con \"; dentro usa « ».",
        "the file cannot be read: the quotation marks do not match. A text begins and ends with \"; inside use “ ”.",
    ),
    "yaml_apostrophe": (
        "il file non si legge: tra apici ' un apostrofo chiude il testo. Mettilo tra virgolette doppie \".",
        "the file cannot be read: between single quotes ' an apostrophe ends the text. Put it between double ones \".",
    ),
    "yaml_colon": (
        "il file non si legge: nel testo c'è un due punti. Metti tutto il testo tra virgolette doppie \".",
        "the file cannot be read: the text holds a colon. Put the whole text between double quotes \".",
    ),
    "yaml_comma": (
        "il file non si legge: tra le parentesi manca una virgola, o la parentesi non si chiude.",
        "the file cannot be read: a comma is missing between the brackets, or the bracket is never closed.",
    ),
    "yaml_special": (
        "il file non si legge: un testo che comincia con un segno come @ % ` va tra virgolette doppie \".",
        "the file cannot be read: a text that begins with a sign such as @ % ` goes between double quotes \".",
    ),
    "yaml_alias": (
        "il file non si legge: qui si riusa un `*nome` che più su nessun `&nome` ha definito.",
        "the file cannot be read: a `*name` is used here that no `&name` above has set.",
    ),
    "yaml_indent": (
        "il file non si legge: il rientro di questa riga, o il suo «- », non va con le righe sopra. "
        "Confrontala con un blocco che funziona.",
        "the file cannot be read: this line's indentation, or its “- ”, does not fit the lines above. "
        "Compare it with a block that works.",
    ),
    "shape_examples": (
        "dopo `examples:` ci vuole `|`, e sotto le frasi, tutte con lo stesso rientro e «- » davanti.",
        "`examples:` is followed by `|`, and the sentences stand below, all indented alike with “- ” before them.",
    ),
    "odd_file": (
        "il file non viene letto: il nome deve finire in .yml.",
        "the file is not read: its name must end in .yml.",
    ),
    "shape": (
        "«{key}» non è fatto come dovrebbe: confronta con un altro file della stessa cartella.",
        "“{key}” is not built as it should be: compare it with another file of this folder.",
    ),
    "key_twice": (
        "«{key}» c'è due volte nello stesso punto: la seconda cancella la prima.",
        "“{key}” stands twice in the same place: the second wipes out the first.",
    ),
    "key_twice_dash": (
        "«{key}» c'è due volte nello stesso punto: manca un «- » davanti al secondo?",
        "“{key}” stands twice in the same place: does the second lack a “- ” before it?",
    ),
    "unknown_key": (
        "«{key}:» non vuol dire niente qui, e quello che c'è sotto va perso. Forse volevi {known}",
        "“{key}:” means nothing here, and what stands under it is lost. You may have meant {known}",
    ),
    "empty_file": ("il file è vuoto.", "the file is empty."),
    "no_domain_file": (
        "manca domain/{stem}.yml: i file di un argomento hanno tutti lo stesso nome.",
        "there is no domain/{stem}.yml; the files of a topic have one name.",
    ),
    "stories_not_read": (
        "qui nessuno legge `stories:`: il bot segue solo le regole. Scrivile sotto `rules:`, con `- rule:`; oppure, se "
        "ti servono proprio esempi di dialogo, aggiungi `- name: MemoizationPolicy` sotto `policies:` in config.yml.",
        "nobody reads `stories:` here; the bot follows rules only. Write them under `rules:`, with `- rule:`; or, if "
        "you do need examples of dialogue, add `- name: MemoizationPolicy` under `policies:` in config.yml.",
    ),
    "no_test_file": (
        "manca tests/content/{stem}.yml: scrivi le conversazioni che questo file deve fare bene.",
        "tests/content/{stem}.yml is missing: write the conversations that this file must get right.",
    ),
}
