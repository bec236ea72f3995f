"""Checks the chart with Helm's own engine: what it renders, what it promises, and what it refuses.

usage: check.py CHART CONFIG-FOLDER OUTPUT-FOLDER

What is rendered is left in the output folder: OUTPUT-FOLDER/NAME/manifests.yaml, baton.yaml and datasets.yaml.
"""

import base64
import copy
import json
import pathlib
import re
import sys
import tempfile

import helm_python
import yaml

chart_path, config_path, output_path = (pathlib.Path(argument) for argument in sys.argv[1:])
chart = helm_python.Chart.load(str(chart_path))
# The least that is accepted.
example = {"config": {"useExampleDatasets": True}}
failures = []


def expect(name, condition, what):
    if not condition:
        failures.append(f"{name}: {what}")


def render(values, name="release"):
    """All objects by kind, and the notes."""
    rendered = chart.render(values, name=name, namespace="space")
    notes = "".join(text for path, text in rendered.items() if path.endswith("NOTES.txt"))
    objects = {}
    for path, text in rendered.items():
        for document in yaml.safe_load_all(text) if path.endswith(".yaml") else []:
            if document is None:
                continue
            expect(name, document["kind"] not in objects, f"two objects of the kind {document['kind']}")
            objects[document["kind"]] = document
    return objects, notes


def refusal(values):
    """Why the values are refused; None if they are not."""
    try:
        render(values)
    except helm_python.HelmError as error:
        return str(error)
    return None


def merged(base, over):
    """As Helm puts values over values: key by key, null takes away."""
    if not isinstance(base, dict) or not isinstance(over, dict):
        return copy.deepcopy(over)
    result = copy.deepcopy(base)
    for key, value in over.items():
        result[key] = merged(result.get(key), value)
    return {key: value for key, value in result.items() if value is not None}


# MARK: The rules that every release keeps


def check_config(name, values, objects):
    """The ConfigMap says what the files under config/ say, and the values over it."""
    data = objects["ConfigMap"]["data"]
    shipped = {file: yaml.safe_load((config_path / file).read_text()) for file in ("baton.yaml", "datasets.yaml")}
    given = merged(chart_values["config"], values.get("config", {}))
    expect(name, set(data) == set(shipped), f"the ConfigMap has {sorted(data)}")
    expect(
        name, yaml.safe_load(data["baton.yaml"]) == merged(shipped["baton.yaml"], given["baton"]),
        "baton.yaml is not config/baton.yaml with the values over it")
    wanted = shipped["datasets.yaml"] if given["useExampleDatasets"] else given["datasets"]
    expect(name, yaml.safe_load(data["datasets.yaml"]) == wanted, "datasets.yaml is not what is asked for")


def check_security(name, pod):
    """The profile `restricted` of Kubernetes' pod security standards, a read-only root, and no token."""
    context, container = pod["securityContext"], pod["containers"][0]["securityContext"]
    expect(name, context["runAsNonRoot"] is True and context["runAsUser"] > 0, "it may run as root")
    expect(name, context["seccompProfile"] == {"type": "RuntimeDefault"}, "system calls are not filtered")
    expect(name, container["allowPrivilegeEscalation"] is False, "privileges can be escalated")
    expect(name, container["capabilities"] == {"drop": ["ALL"]}, "capabilities are kept")
    expect(name, container["readOnlyRootFilesystem"] is True, "the root file system can be written")
    expect(name, pod["automountServiceAccountToken"] is False, "the pod has a token")
    expect(name, pod["enableServiceLinks"] is False, "variables of services are set")


def check_operators_place(name, values, container, pod):
    """Commands find the configuration, and can save to /tmp, which has a limit and is all that can be written."""
    variables = {entry["name"]: entry.get("value") for entry in container["env"]}
    expect(name, len(variables) == len(container["env"]), "a variable is set twice")
    expect(name, variables["BATON_CONFIG"] == container["args"][-1], "commands take another configuration than the replica")
    writable = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"] if not mount.get("readOnly")}
    expect(name, writable == {"tmp": "/tmp"}, f"what can be written is {writable}")
    volume = next(volume for volume in pod["volumes"] if volume["name"] == "tmp")
    expect(name, volume == {"name": "tmp", "emptyDir": values["tmp"]}, f"/tmp is {volume}")


def check_secrets(name, values, objects, container, pod):
    """Each secret is a file from a key that is there, and stands in nothing but the Secret."""
    files = {entry["name"]: entry["value"] for entry in container.get("env", []) if entry["name"].endswith("_FILE")}
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    volume = next((volume["secret"] for volume in pod["volumes"] if "secret" in volume), None)
    items = {item["path"]: item["key"] for item in volume["items"]} if volume else {}
    expect(
        name, files == {f"{variable}_FILE": f"{mounts.get('secrets')}/{variable}" for variable in items},
        "variables and mounted files differ")
    secrets = values.get("secrets", {})
    if secrets:
        held = {key: base64.b64decode(value).decode() for key, value in objects["Secret"]["data"].items()}
        expect(name, held == secrets, "the Secret holds something else")
        expect(name, items == {variable: variable for variable in secrets}, "not every secret is mounted")
        expect(name, volume["secretName"] == objects["Secret"]["metadata"]["name"], "another Secret is mounted")
        others = json.dumps([document for kind, document in objects.items() if kind != "Secret"])
        for value in secrets.values():
            expect(name, json.dumps(value)[1:-1] not in others or len(value) < 6, "a secret stands outside the Secret")
    else:
        expect(name, "Secret" not in objects, "there is a Secret without need")
    existing = values.get("existingSecret", {})
    if existing.get("name"):
        expect(name, volume["secretName"] == existing["name"] and items == existing["keys"], "another Secret is mounted")


def check_release(name, values, objects):
    deployment = objects["Deployment"]
    spec, template = deployment["spec"], deployment["spec"]["template"]
    pod = template["spec"]
    container = pod["containers"][0]
    all_values = merged(chart_values, values)
    config = yaml.safe_load(objects["ConfigMap"]["data"]["baton.yaml"])

    check_config(name, values, objects)
    check_security(name, pod)
    check_secrets(name, values, objects, container, pod)
    check_operators_place(name, all_values, container, pod)

    selector = spec["selector"]["matchLabels"]
    expect(name, selector.items() <= template["metadata"]["labels"].items(), "the Deployment does not select its pods")
    port = {"name": "http", "containerPort": int(config["http"]["listen"].rsplit(":", 1)[1]), "protocol": "TCP"}
    expect(name, container["ports"] == [port], "the container's port is not where HTTP listens")
    for probe, path in (("livenessProbe", "/healthz"), ("readinessProbe", "/readyz")):
        expect(name, container[probe]["httpGet"] == {"path": path, "port": "http"}, f"the {probe} asks elsewhere")
        expect(name, container[probe]["timeoutSeconds"] <= container[probe]["periodSeconds"], f"{probe}s overlap")
    expect(name, container["args"] == ["run", "--config", "/etc/baton/baton.yaml"], f"it runs {container['args']}")
    image = all_values["image"]
    wanted = f"@{image['digest']}" if image["digest"] else f":{image['tag'] or chart.metadata['appVersion']}"
    expect(name, container["image"] == image["repository"] + wanted, f"the image is {container['image']}")

    found = {key: value for key, value in template["metadata"]["annotations"].items() if key.startswith("prometheus.io/")}
    wanted = {"scrape": "true", "path": "/metrics", "port": str(port["containerPort"])}
    wanted = {f"prometheus.io/{key}": value for key, value in wanted.items()} if all_values["metrics"]["annotations"] else {}
    expect(name, found == wanted, f"Prometheus finds {found}")

    constraints = {each["topologyKey"]: each for each in pod.get("topologySpreadConstraints") or []}
    expect(name, set(constraints) == set(all_values["spread"]), "the pods are spread over something else")
    for each in constraints.values():
        expect(name, each.get("matchLabelKeys") == ["pod-template-hash"], "old and new pods are counted together")
        expect(name, each["labelSelector"]["matchLabels"] == selector, "other pods are counted")

    budget = objects.get("PodDisruptionBudget")
    wanted = all_values["replicas"] > 1 and all_values["podDisruptionBudget"]["enabled"]
    expect(name, (budget is not None) == wanted, "a disruption budget is there or not, against the values")
    if budget:
        expect(name, budget["spec"]["maxUnavailable"] == 1, "more than one replica may be evicted")
        expect(name, budget["spec"]["selector"]["matchLabels"] == selector, "the budget is for other pods")

    account = objects.get("ServiceAccount")
    expect(name, (account is not None) == all_values["serviceAccount"]["create"], "no or a needless service account")
    if account:
        expect(name, account["automountServiceAccountToken"] is False, "the service account has a token")
        expect(name, pod["serviceAccountName"] == account["metadata"]["name"], "the service account is not used")

    for kind, document in objects.items():
        label = r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
        expect(
            name, re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", document["metadata"]["name"]),
            f"{document['metadata']['name']} is not a name of a {kind}")
        for value in document["metadata"]["labels"].values():
            expect(name, re.fullmatch(label, value), f"{value} is not a label")


# MARK: What is checked once


def check_checksums():
    """Pods are replaced when what they read has changed, and only then."""

    def checksums(values):
        values = values if "datasets" in values.get("config", {}) else merged(example, values)
        annotations = render(values)[0]["Deployment"]["spec"]["template"]["metadata"]["annotations"]
        return {key: value for key, value in annotations.items() if key.startswith("checksum/")}

    plain = checksums({})
    expect("checksums", plain == checksums({"replicas": 5}), "they change with something else")
    for values in (
        {"config": {"baton": {"group": "other"}}},
        {"config": {"datasets": {"version": 1, "datasets": {"a": {"table": "a", "key": "a:{id}"}}}}},
    ):
        expect("checksums", plain["checksum/config"] != checksums(values)["checksum/config"], f"not with {values}")
    one, other = ({"secrets": {"BATON_POSTGRES_PASSWORD": password}} for password in "ab")
    expect("checksums", checksums(one) != checksums(other), "not with a secret")


def check_durations():
    """Durations are added up as Baton does: the grace period is compared with each."""
    for text, seconds in (("1m5s", 65), ("1h", 3600), ("1h1m1s1ms", 3662), ("1500ms", 2), ("0s", 1), ("090s", 90)):
        values = merged(example, {"config": {"baton": {"shutdown": {"drain": text}}}})
        enough = seconds + (0 if text in ("1h1m1s1ms", "1500ms", "0s") else 1)
        message = refusal(values | {"terminationGracePeriodSeconds": enough})
        expect("durations", message is None, f"{text}: {enough} s are refused: {message}")
        if enough > 1:
            message = refusal(values | {"terminationGracePeriodSeconds": enough - 1}) or ""
            expect("durations", f"Raise it to at least {enough}." in message, f"{text}: {enough - 1} s: {message}")


def check_names():
    for name, wanted in (("a", "a-baton"), ("my-baton", "my-baton"), ("x" * 53, f"{'x' * 53}-baton")):
        objects, _ = render(example, name)
        expect("names", objects["Deployment"]["metadata"]["name"] == wanted, f"{name} makes another")


def check_notes():
    _, notes = render(example)
    for words in ("exec deploy/release-baton -- baton status\n", "exec deploy/release-baton -- baton check\n"):
        expect("notes", words in notes, f"do not say: {words}")
    for words in ("config.useExampleDatasets is set", "config.baton.postgres.url is that", "config.baton.redis.main.url is that"):
        expect("notes", words in notes, f"do not warn: {words}")
    _, notes = render(yaml.safe_load((chart_path / "ci/production-values.yaml").read_text()))
    expect("notes", "WARNING" not in notes, "warn of nothing")
    _, notes = render(yaml.safe_load((chart_path / "ci/single-values.yaml").read_text()))
    expect("notes", "nobody takes over" in notes, "do not warn of a single replica")


def check_package():
    """An archive holds the configuration itself, not links to it."""
    with tempfile.TemporaryDirectory() as folder:
        archive = helm_python.Chart.load(helm_python.package(str(chart_path), destination=folder))
        one, other = (each.render(example, name="release", namespace="space") for each in (archive, chart))
        expect("package", one == other, "renders something else")


def check_readme():
    """Each value stands in the table, and the commands are for the release that is installed there."""
    text = (chart_path / "README.md").read_text()
    release = re.search(r"helm install (\S+)", text)[1]
    wanted = render(example, release)[0]["Deployment"]["metadata"]["name"]
    named = set(re.findall(r"deploy/([-a-z0-9]+)", text))
    expect("README.md", named == {wanted}, f"names {named or 'no Deployment'}, not {wanted}")
    table = text.split("## Values")[1].split("## ")[0]
    for key, value in chart_values.items():
        parts = [f"{key}.{part}" for part in value] if key in ("config", "image", "metrics", "serviceAccount") else [key]
        for each in parts:
            expect("README.md", f"`{each}" in table, f"says nothing about {each}")


def check_refusals():
    refusals = yaml.safe_load((pathlib.Path(__file__).parent / "refusals.yaml").read_text())
    for each in refusals:
        message = refusal(each["values"])
        expect(each["name"], message is not None, "is accepted")
        if message is not None:
            expect(each["name"], each["says"] in message, f"is refused with: {message}")
    return len(refusals)


lint = helm_python.lint(str(chart_path), {}, strict=True)
if lint["errors"]:
    sys.exit("\n".join(f"chart: {error}" for error in lint["errors"]))
chart_values = chart.values
releases = sorted((chart_path / "ci").glob("*-values.yaml"))
expect("ci", len(releases) > 1, "there are no values to try")
for path in releases:
    name = path.name.removesuffix("-values.yaml")
    values = yaml.safe_load(path.read_text()) or {}
    lint = helm_python.lint(str(chart_path), values, strict=True)
    expect(name, not lint["errors"], lint["errors"])
    objects, _ = render(values, name)
    check_release(name, values, objects)
    folder = output_path / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "manifests.yaml").write_text(yaml.safe_dump_all(objects.values()))
    for file, text in objects["ConfigMap"]["data"].items():
        (folder / file).write_text(text)
check_checksums()
check_durations()
check_names()
check_notes()
check_package()
check_readme()
refused = check_refusals()

for failure in failures:
    print(f"chart: {failure}", file=sys.stderr)
if failures:
    sys.exit(1)
print(f"chart: {len(releases)} releases are as they should be, {refused} mistakes are refused")
