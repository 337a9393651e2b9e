"""The page docs/api.md, from the models: `python -m model_envs.services.describe > docs/api.md`."""

import json
import sys
import tempfile
from typing import Any

from model_envs.services.errors import STATUS
from model_envs.services.settings import PORTS, Kind, ServiceSettings
from model_envs.services.web.application import service_app
from model_envs.services.web.service import Service

_HEAD = """# The services' API

Generated from the code by `python -m model_envs.services.describe`. The Layered service listens on port 8101,
the Edit service on 8102; both serve their OpenAPI description at `/openapi.json`, and at `/docs` a page to
try it (Swagger UI, which loads nothing from elsewhere). Paths are those of the machine that serves; the
examples find `data/photo.jpg` where the service has its default roots.
[services.md](services.md) says how to run them.

Every answer that is no success is `{"detail": {"code", "message"}}`:

| status | code |
|---|---|
"""


def page() -> str:
    """The page's text."""
    codes = "\n".join(
        f"| {status} | `{code}` |" for code, status in sorted(STATUS.items(), key=lambda one: one[1])
    )
    parts = [_HEAD + codes]
    shown: set[str] = set()
    for kind in PORTS:
        schema = _openapi(kind)
        models = schema["components"]["schemas"]
        for path, methods in schema["paths"].items():
            for method, operation in methods.items():
                asked, answered = _models_of(operation)
                common = path != "/infer"
                if common and path in shown:
                    continue
                shown.add(path)
                title = f"{method.upper()} {path}" + ("" if common else f", {schema['info']['title']}")
                parts.append(f"## {title}\n\n{operation['summary']}.")
                parts += [
                    _model(name, models, what)
                    for name, what in ((asked, "Request"), (answered, "Answer"))
                    if name
                ]
    return "\n\n".join(parts) + "\n"


def _openapi(kind: Kind) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        told = {f"{kind.upper()}_CACHE_DIR": folder}
        settings = ServiceSettings.from_environment(kind, told)
        return service_app(Service(settings, [settings.backend])).openapi()


def _models_of(operation: dict[str, Any]) -> tuple[str | None, str | None]:
    return (
        _reference(operation.get("requestBody", {}).get("content", {})),
        _reference(operation["responses"]["200"].get("content", {})),
    )


def _reference(content: dict[str, Any]) -> str | None:
    reference = content.get("application/json", {}).get("schema", {}).get("$ref")
    return reference.rpartition("/")[2] if reference else None


def _model(name: str, models: dict[str, Any], what: str) -> str:
    model = models[name]
    required = set(model.get("required", []))
    lines = ["| field | type | must | meaning |", "|---|---|---|---|"]
    for field, schema in model["properties"].items():
        must = "yes" if field in required else ""
        default = schema.get("default")
        told = schema.get("description") or next(
            (one["description"] for one in schema.get("anyOf", []) if "description" in one), ""
        )
        if default is not None:
            told = f"{told} Default: `{json.dumps(default)}`.".strip()
        lines.append(f"| `{field}` | {_type(schema)} | {must} | {told} |")
    text = model.get("description", "").split("\n\n")[0].replace("\n", " ")
    parts = [f"**{what}.** {text}", "\n".join(lines)]
    inner = [one for one in models if f"#/components/schemas/{one}" in json.dumps(model["properties"])]
    parts += [_model(one, models, f"`{one}`") for one in inner]
    if model.get("examples"):
        parts.append(f"```json\n{json.dumps(model['examples'][0])}\n```")
    return "\n\n".join(parts)


def _type(schema: dict[str, Any]) -> str:
    if "anyOf" in schema:
        return " or ".join(_type(one) for one in schema["anyOf"])
    if "$ref" in schema:
        return f"`{schema['$ref'].rpartition('/')[2]}`"
    if schema.get("type") == "array":
        return f"list of {_type(schema['items'])}" if schema.get("items") else "list"
    if "enum" in schema or "const" in schema:
        return ", ".join(f"`{one}`" for one in schema.get("enum", [schema.get("const")]))
    return str(schema.get("type", "any"))


if __name__ == "__main__":
    sys.stdout.write(page())
