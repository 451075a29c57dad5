"""The generator: it writes what drifted, and refuses what would break who relies on it."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas import generate
from schemas.base import Event, Identifier
from schemas.catalogue import MESSAGES
from schemas.envelope import UnreadableRecordError
from schemas.fixtures import example

ARCHIVED = "contracts.contract_archived.v1"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What is generated now, as if committed."""
    generate.write(tmp_path)
    return tmp_path


@pytest.fixture
def catalogue() -> Iterator[None]:
    before = dict(MESSAGES)
    yield
    MESSAGES.clear()
    MESSAGES.update(before)


def edit(folder: Path, type_name: str, **properties: object) -> None:
    path = folder / "json" / f"{type_name}.json"
    committed = json.loads(path.read_text())
    committed["properties"].update(properties)
    path.write_text(json.dumps(committed))


def test_the_same_classes_give_the_same_text() -> None:
    assert generate.generated() == generate.generated()


def test_what_was_written_has_not_drifted(folder: Path) -> None:
    assert generate.drifted(folder) == []


def test_every_message_has_its_file(folder: Path) -> None:
    assert {file.stem for file in (folder / "json").iterdir()} == set(MESSAGES)


def test_an_edited_file_has_drifted(folder: Path) -> None:
    (folder / "asyncapi.json").write_text("{}")

    assert generate.drifted(folder) == ["asyncapi.json"]


def test_a_missing_file_has_drifted(folder: Path) -> None:
    (folder / "json" / f"{ARCHIVED}.json").unlink()

    assert generate.drifted(folder) == [f"json/{ARCHIVED}.json"]


def test_only_what_drifted_is_written(folder: Path) -> None:
    edit(folder, ARCHIVED)  # the same content in another layout

    assert generate.write(folder) == [f"json/{ARCHIVED}.json"]
    assert generate.drifted(folder) == []


def test_a_breaking_change_is_refused_and_nothing_is_written(folder: Path) -> None:
    edit(folder, ARCHIVED, archived_by={"type": "string"})
    (folder / "asyncapi.json").unlink()

    with pytest.raises(generate.BreakingChangeError, match=rf"^{ARCHIVED}: archived_by is removed$"):
        generate.write(folder)
    assert not (folder / "asyncapi.json").exists()


def test_a_breaking_change_is_written_when_named(folder: Path) -> None:
    edit(folder, ARCHIVED, archived_by={"type": "string"})

    assert generate.write(folder, broken=[ARCHIVED]) == [f"json/{ARCHIVED}.json"]


@pytest.mark.usefixtures("catalogue")
def test_a_removed_message_is_a_breaking_change(folder: Path) -> None:
    del MESSAGES[ARCHIVED]

    with pytest.raises(generate.BreakingChangeError, match=f"{ARCHIVED}: the message is removed"):
        generate.write(folder)


@pytest.mark.usefixtures("catalogue")
def test_a_new_version_beside_the_old_is_written(folder: Path) -> None:
    class ContractArchived(Event, topic="contracts.events", version=2):
        """Put away, and by whom."""

        contract_id: Identifier
        archived_by: Identifier

    written = generate.write(folder)

    assert written == ["json/contracts.contract_archived.v2.json", "asyncapi.json"]


def test_a_new_example_has_its_envelope_filled_in() -> None:
    shown = example("funding.milestone_funded.v1")

    made = json.loads(generate.new_example(shown.type_name, shown.record_body))

    assert made["key"] == shown.key
    assert made["body"] == shown.body
    assert set(made["headers"]) == set(shown.headers) - {"traceparent"}


def test_a_new_example_with_a_wrong_body_is_refused() -> None:
    with pytest.raises(UnreadableRecordError, match="contract_id"):
        generate.new_example(ARCHIVED, b"{}")


def test_check_names_the_file_that_drifted(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(generate, "drifted", lambda: ["asyncapi.json"])

    assert generate.main(["--check"]) == 1
    assert "schemas/asyncapi.json drifted" in capsys.readouterr().err
