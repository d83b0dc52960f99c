"""What editors work with: `make content`, `make evaluate`, `make try`.

    python -m editors content|evaluate|try [--lang it|en]

    yaml_lines.py   YAML with the line of everything in it
    content.py      the folders as plain words: domain/, nlu/, stories/, tests/content/
    code.py         the names that actions/ uses, read without running it
    examples.py     rules for what customers say
    answers.py      rules for what the bot says, by the channels' own limits
    wiring.py       rules for how the files hang together
    contradictions.py  rules of stories/ that cannot both hold
    service_texts.py   what the service itself says: bot/texts/
    understanding.py   what the model makes of each example, asked of the engine's Python
    crossed.py      the part that runs there: vectors, cross-validation
    check.py        all checks together
    sentences.py    every mistake in Italian and English
    findings.py     what the report says, in numbers
    report.py, report.html, pictures.py, report_words.py   data/evaluation.html
    tryout.py       one sentence through the real engine
"""
