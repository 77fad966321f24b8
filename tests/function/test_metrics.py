from prometheus_client.parser import text_string_to_metric_families

from function.metrics import FAMILIES, Metrics


def test_the_text_is_read_back_by_prometheus_own_parser() -> None:
    metrics = Metrics()
    awkward = 'a "quoted" \\ back\nslash'
    metrics.add("login_attempts_total", outcome=awkward)
    metrics.add("login_attempts_total", outcome=awkward)
    metrics.add("login_hash_seconds_total", 0.25)
    text = metrics.text({"login_queue_depth": ({}, 3)})
    samples = {
        (sample.name, tuple(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert samples == {
        ("login_attempts_total", (("outcome", awkward),)): 2,
        ("login_hash_seconds_total", ()): 0.25,
        ("login_queue_depth", ()): 3,
    }


def test_every_family_is_announced_with_its_type_even_while_it_is_empty() -> None:
    text = Metrics().text({})
    for name, family in FAMILIES.items():
        assert f"# TYPE {name} {family.type}\n" in text
