"""Checks domain/, nlu/ and stories/ without training, and lists every mistake at once.

    make content        (runs in the engine's environment; exit code 1 when something is wrong)
"""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

#: What Rasa warns of, and is right here: actions say these responses, and payloads carry these intents.
EXPECTED = re.compile(
    r"The utterance 'utter_\w+' is not used in any story or rule"
    r"|The intent '\w+' is not used in any story or rule"
    r"|The intent '\w+' is listed in the domain file, but is not found in the NLU training data"
    r"|Slot auto-fill has been removed"
)


def checks(validator: Any) -> list[Callable[[], bool]]:
    """All of Rasa's checks; a list, so that one mistake does not hide the others."""
    return [
        validator.verify_domain_validity,
        validator.verify_actions_in_stories_rules,
        validator.verify_forms_in_stories_rules,
        validator.verify_form_slots,
        validator.verify_slot_mappings,
        validator.verify_nlu,
        lambda: bool(validator.verify_story_structure(False)),
    ]


def mistakes(root: Path) -> list[str]:
    """What Rasa's own validator complains about, one sentence each."""
    from rasa.shared.importers.importer import TrainingDataImporter
    from rasa.validator import Validator

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        importer = TrainingDataImporter.load_from_dict(
            domain_path=str(root / "domain"), training_data_paths=[str(root / "nlu"), str(root / "stories")]
        )
        validator = Validator.from_importer(importer)
        whole = all([check() for check in checks(validator)])
    told = [str(each.message) for each in caught if issubclass(each.category, UserWarning)]
    found = sorted({text.split("\n  More info")[0] for text in told if not EXPECTED.search(text)})
    return found or ([] if whole else ["Rasa calls the content invalid: see above."])


def main() -> int:
    """Print the mistakes of the content in the current folder."""
    found = mistakes(Path.cwd())
    for mistake in found:
        print(f"- {mistake}")
    print(f"{len(found)} mistakes in the content." if found else "The content is whole.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
