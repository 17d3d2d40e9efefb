"""The server's OpenAPI document, read strictly: a field of a reply that the document does not name is an error."""

import copy
import functools
import json

import jsonschema


def closed(node):
    """Returns the schema with `additionalProperties: false` where the document leaves that open, which only replies
    do."""
    if isinstance(node, list):
        return [closed(value) for value in node]
    if not isinstance(node, dict):
        return node
    node = {name: closed(value) for name, value in node.items()}
    if node.get("type") == "object" and "properties" in node:
        node.setdefault("additionalProperties", False)
    return node


class Document:
    def __init__(self, document):
        self.document = closed(document)

    @functools.cache
    def validator(self, name):
        """Returns the validator of a schema by its name."""
        return jsonschema.Draft202012Validator(
            {"$ref": f"#/components/schemas/{name}", "components": self.document["components"]}
        )

    def check(self, name, value):
        """Fails unless the value matches the schema of that name."""
        error = jsonschema.exceptions.best_match(self.validator(name).iter_errors(value))
        assert error is None, f"{name} {error.json_path}: {error.message[:500]}"

    @staticmethod
    def validate(schema, value):
        return jsonschema.Draft202012Validator(schema).is_valid(value)

    def fits(self, name, value):
        return self.validator(name).is_valid(value)

    def resolve(self, node):
        """Returns the node that a `$ref` names, or the node itself."""
        while "$ref" in node:
            node = functools.reduce(
                lambda at, name: at[name], node["$ref"].removeprefix("#/").split("/"), self.document
            )
        return node

    def operation(self, path, method="post"):
        return self.document["paths"][path][method]

    def examples(self):
        """Yields path, name and body of every request example."""
        for path, item in self.document["paths"].items():
            for operation in item.values():
                for name, example in (
                    operation.get("requestBody", {"content": {}})["content"]
                    .get("application/json", {})
                    .get("examples", {})
                    .items()
                ):
                    yield path, name, copy.deepcopy(self.resolve(example)["value"])

    def schema_of_events(self, path):
        """Returns the name of the schema of an event's data."""
        schema = self.operation(path)["responses"]["200"]["content"]["text/event-stream"]["schema"]
        data = schema["properties"]["data"]
        return data.get("anyOf", [data])[-1]["contentSchema"]["$ref"].rsplit("/", 1)[1]

    def check_stream(self, path, text, is_whole=True):
        """Fails unless the data of every event matches; returns the data."""
        schema, data = self.schema_of_events(path), []
        for event in text.strip().split("\n\n"):
            lines = dict(line.split(": ", 1) for line in event.split("\n"))
            if "data" in lines and lines["data"] != "[DONE]":
                data.append(json.loads(lines["data"]))
                self.check(schema, data[-1])
                assert lines.get("event", data[-1].get("type")) == data[-1].get("type")
        assert not is_whole or text.endswith("data: [DONE]\n\n") == (path != "/v1/responses")
        return data
