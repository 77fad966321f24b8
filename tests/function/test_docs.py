"""The page of the API, the OpenAPI document and the routes are one."""

from pathlib import Path
from typing import Any

from function.routes import ROUTES
from function.web.openapi import document, markdown
from function.web.operations import OPERATIONS

DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_of_the_api_has_the_documents_table() -> None:
    assert f"\n\n{markdown()}\n" in (DOCS / "api.md").read_text(), "login-function openapi --markdown has changed"


def test_the_document_tells_of_all_routes_and_of_no_other() -> None:
    told = {(operation.method, operation.path): operation for operation in OPERATIONS}
    assert told.keys() == {(method, path) for path, route in ROUTES.items() for method in route.methods}
    for (_, path), operation in told.items():
        assert operation.oauth is ROUTES[path].oauth, path
    assert len({operation.id for operation in OPERATIONS}) == len(OPERATIONS)


def test_the_document_stands_on_its_own() -> None:
    made: Any = document("https://login.example")
    assert made["servers"] == [{"url": "https://login.example"}]
    for path in made["paths"].values():
        for operation in path.values():
            for requirement in operation.get("security", []):
                assert requirement.keys() <= made["components"]["securitySchemes"].keys()
