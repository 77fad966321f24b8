import pytest

from emulator.core.gotemplate import Template, TemplateError

DATA = {
    "Name": "hello",
    "Namespace": "prod",
    "Domain": "example.com",
    "Annotations": {},
    "Labels": {"team": "x"},
}

EXECUTING = 'template: domain-template:{}: executing "domain-template" at <{}>: can\'t evaluate'


def render(text: str) -> str:
    return Template("domain-template", text, "config.DomainTemplateValues").execute(DATA)


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("", ""),
        ("{{.Name}}.{{.Namespace}}.{{.Domain}}", "hello.prod.example.com"),
        ('{{index .Labels "team"}}{{index .Labels "none"}}', "x"),
        ("{{.Labels.team}}{{.Labels.none}}", "x<no value>"),
        ('{{if eq .Namespace "dev" "prod"}}a{{else}}b{{end}}', "a"),
        ("{{if .Annotations}}a{{else if .Labels.team}}b{{else}}c{{end}}", "b"),
        ("{{if .Annotations}}a{{end}}", ""),
        ('{{if and .Name (not (eq .Name "x"))}}a{{end}}', "a"),
        ("{{or .Labels.none .Name}}", "hello"),
        ('{{ .Name | printf "%s-%d%%" }}', None),
        ('{{ .Name | printf "%s-%q" "a" }}', 'a-"hello"'),
        ('{{ ne .Name "x" }} {{ len .Name }} {{print .Name `-` 3}}', "true 5 hello-3"),
        ("a {{- .Name -}} b{{/* said */}}", "ahellob"),
        ('{{"a\\"b"}}', 'a"b'),
    ],
)
def test_templates(text: str, result: str | None) -> None:
    if result is None:
        with pytest.raises(TemplateError, match="error calling printf"):
            render(text)
    else:
        assert render(text) == result


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("{{.Name", "template: domain-template:1: unclosed action"),
        ("a\n{{.Name", "template: domain-template:2: unclosed action"),
        ("\n {{.Nope}}", f"{EXECUTING.format('2:3', '.Nope')} field Nope in type config.DomainTemplateValues"),
        ("{{.Name.First}}", f"{EXECUTING.format('1:2', '.Name.First')} field First in type string"),
        ("{{if .Name}}", "template: domain-template:1: unexpected EOF"),
        ("{{end}}", "template: domain-template:1: unexpected {{end}}"),
        ("{{upper .Name}}", 'template: domain-template:1: function "upper" not defined'),
        ("{{}}", "template: domain-template:1: missing value for command"),
        ("{{if}}{{end}}", "template: domain-template:1: missing value for if"),
        ("{{.Name | }}", "template: domain-template:1: missing value for command"),
        ("{{(.Name}}", "template: domain-template:1: unclosed left paren"),
        ("{{.Name .Domain}}", 'template: domain-template:1: unexpected ".Domain" in command'),
        ("{{$x}}", 'template: domain-template:1: unexpected "$x" in command'),
    ],
)
def test_errors_are_gos(text: str, error: str) -> None:
    with pytest.raises(TemplateError) as refused:
        render(text)
    assert str(refused.value) == error


def test_what_is_left_out_is_said() -> None:
    with pytest.raises(TemplateError, match=r"\{\{range\}\} is not supported here"):
        render("{{range .Labels}}{{end}}")
