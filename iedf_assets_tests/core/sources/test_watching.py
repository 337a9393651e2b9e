from iedf_assets.core.sources.watching import Memory, Observation, decide


def look(memory: Memory, **looks: Observation) -> list[str]:
    asks, waiting = decide(memory, looks)
    assert len(asks) + len(waiting) == len(looks)
    return [ask.category for ask in asks]


def test_a_category_is_asked_for_once_its_files_have_settled() -> None:
    memory = Memory()
    assert look(memory, a=Observation("f1", 3)) == []
    assert look(memory, a=Observation("f2", 4)) == []
    assert look(memory, a=Observation("f2", 4)) == ["a"]


def test_nothing_is_asked_for_while_a_run_is_under_way_or_nothing_is_to_do() -> None:
    memory = Memory(seen={"a": "f", "b": "f"})
    assert look(memory, a=Observation("f", 3, running=True), b=Observation("f", 0)) == []


def test_a_run_is_asked_for_when_only_the_index_is_behind() -> None:
    memory = Memory(seen={"a": "f"})
    assert look(memory, a=Observation("f", 0, behind=True)) == ["a"]


def test_waves_are_asked_for_until_none_is_pending() -> None:
    memory = Memory(seen={"a": "f"})
    assert [look(memory, a=Observation("f", left)) for left in (30, 20, 10, 0)] == [["a"], ["a"], ["a"], []]


def test_a_run_that_did_not_get_on_is_not_asked_for_again_but_a_retry_is() -> None:
    memory = Memory(seen={"a": "f"})
    assert look(memory, a=Observation("f", 3)) == ["a"]
    assert look(memory, a=Observation("f", 3)) == []
    assert look(memory, a=Observation("f", 3, attempts=1)) == ["a"]


def test_a_folder_that_vanishes_and_returns_gets_a_new_run_key() -> None:
    memory = Memory(seen={"a": "f"})
    first, _ = decide(memory, {"a": Observation("f", 3)})
    assert decide(memory, {"a": Observation(None)})[1] == ["a: its folder cannot be read"]
    assert look(memory, a=Observation("f", 3)) == []
    again, _ = decide(memory, {"a": Observation("f", 3)})
    assert again
    assert again[0].run_key != first[0].run_key


def test_the_memory_survives_its_cursor() -> None:
    memory = Memory(seen={"物理变化": "f"}, asked={"物理变化": "x"}, count=4)
    assert Memory.load(memory.dump()) == memory
    assert Memory.load(None) == Memory()


def test_what_somebody_has_to_say_yes_to_is_told_and_not_run() -> None:
    memory = Memory()
    look = Observation("a", unfinished=5, asks="9 of the 20 published samples would be withdrawn")
    for _ in range(3):
        asks, waiting = decide(memory, {"x": look})
        assert asks == []
    assert waiting == ["x: 9 of the 20 published samples would be withdrawn"]
