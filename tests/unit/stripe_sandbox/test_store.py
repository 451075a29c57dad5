"""The store: copies, undo, order, indexes, the file."""

from pathlib import Path

from services.stripe_sandbox.store import Store


def charge(identifier: str, intent: str) -> dict[str, object]:
    return {"id": identifier, "payment_intent": intent}


def test_what_is_read_is_a_copy() -> None:
    store = Store()
    store.put("customer", "acct", {"id": "cus_1", "name": "A"})
    found = store.get("customer", "cus_1")
    assert found is not None
    found["name"] = "B"
    assert store.get("customer", "cus_1") == {"id": "cus_1", "name": "A"}


def test_rollback_undoes_new_changed_and_deleted() -> None:
    store = Store()
    store.put("customer", "acct", {"id": "cus_1", "name": "A"})
    store.put("customer", "acct", {"id": "cus_2"})
    store.commit()
    store.put("customer", "acct", {"id": "cus_1", "name": "B"})
    store.put("customer", "acct", {"id": "cus_3"})
    store.delete("customer", "cus_2")
    store.rollback()
    assert store.get("customer", "cus_1") == {"id": "cus_1", "name": "A"}
    assert store.get("customer", "cus_2") == {"id": "cus_2"}
    assert store.get("customer", "cus_3") is None


def test_an_index_follows_changes_and_rollback() -> None:
    store = Store()
    store.put("charge", "acct", charge("ch_1", "pi_1"))
    store.commit()
    store.put("charge", "acct", charge("ch_1", "pi_2"))
    assert list(store.newest_first("charge", by=("payment_intent", "pi_1"))) == []
    store.rollback()
    assert [item["id"] for item in store.newest_first("charge", by=("payment_intent", "pi_1"))] == ["ch_1"]


def test_newest_comes_first_and_a_change_keeps_the_place() -> None:
    store = Store()
    for number in (1, 2, 3):
        store.put("charge", "acct", charge(f"ch_{number}", "pi"))
    store.put("charge", "acct", charge("ch_1", "pi"))
    expected = ["ch_3", "ch_2", "ch_1"]
    assert [item["id"] for item in store.newest_first("charge")] == expected
    assert [item["id"] for item in store.newest_first("charge", by=("payment_intent", "pi"))] == expected


def test_accounts_are_apart() -> None:
    store = Store()
    store.put("customer", "acct_a", {"id": "cus_1"})
    assert list(store.newest_first("customer", "acct_b")) == []


def test_the_file_holds_what_was_committed(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    store = Store(path)
    store.put("customer", "acct", {"id": "cus_1"})
    store.put("customer", "acct", {"id": "cus_2"})
    store.commit()
    store.put("customer", "acct", {"id": "cus_3"})
    # No close: the process is killed here.
    again = Store(path)
    assert [item["id"] for item in again.newest_first("customer")] == ["cus_2", "cus_1"]
    again.put("customer", "acct", {"id": "cus_4"})
    assert next(again.newest_first("customer"))["id"] == "cus_4"
    again.close()
    store.rollback()
    store.close()
