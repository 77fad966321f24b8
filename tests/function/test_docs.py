from pathlib import Path

from function.routes import ROUTES

DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_of_the_api_names_every_path_and_method() -> None:
    page = (DOCS / "api.md").read_text()
    for path, route in ROUTES.items():
        for method in route.methods:
            assert f"`{method} {path}`" in page
