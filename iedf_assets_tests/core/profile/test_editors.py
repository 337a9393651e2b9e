from iedf_assets.core.profile.editors import EDITORS, Editor, editor_of, splits
from iedf_assets.core.profile.fields import PROJECT_ROOT


def line_of(editor: Editor) -> str:
    """How the table of the documents tells a row."""
    guidance = f"{editor.guidance:g} ({editor.guided_by})"
    cells = (
        f"`{editor.class_name}`", editor.models, f"`{editor.rule}`", str(editor.steps), guidance,
        str(editor.references), "yes" if editor.mask else "no", editor.languages, editor.writes,
        "any" if editor.batches else "of one edit" if editor.repeats else "no", editor.licence,
        editor.commercial,
    )  # fmt: skip
    return f"| {' | '.join(cells)} |"


def test_the_documents_table_says_what_the_code_knows() -> None:
    text = (PROJECT_ROOT / "docs" / "models.md").read_text("utf-8")
    missing = [line_of(editor) for editor in EDITORS if line_of(editor) not in text]
    assert not missing, "\n".join(missing)


def test_a_class_has_one_row_or_is_said_to_be_unknown() -> None:
    assert len({editor.class_name for editor in EDITORS}) == len(EDITORS)
    assert all(editor_of(editor.class_name) is editor for editor in EDITORS)
    other = editor_of("NextYearsEditPipeline")
    assert (other.known, other.commercial, other.guided_by) == (False, "unknown", None)


def test_only_layered_classes_split_pictures() -> None:
    assert splits("QwenImageLayeredPipeline")
    assert not any(splits(editor.class_name) for editor in EDITORS)
