// The chat template of a directory. Newer files win over older ones, as in transformers.
import JSON
import Text

/// Returns the template from `chat_template.jinja`, `chat_template.json` or `tokenizer_config.json`, in that order; nil
/// when none of them has one.
func chatTemplate(in directory: borrowing ModelDirectory) throws(ModelFileError) -> String? {
  let limit = 1 << 20
  let name = "chat_template.jinja"
  if let bytes = try directory.contents(of: name, limit: limit) {
    guard let text = String(validating: bytes.withoutByteOrderMark, as: UTF8.self) else {
      throw ModelFileError(file: directory.path(of: name), expected: "UTF-8 text", found: "invalid UTF-8")
    }
    return text
  }
  for (name, limit) in [("chat_template.json", 2 * limit), ("tokenizer_config.json", 16 * limit)] {
    guard let bytes = try directory.contents(of: name, limit: limit) else { continue }
    let json = try ConfigurationReader(parsing: bytes, file: directory.path(of: name))
    if let text = try chatTemplate(reading: json) { return text }
  }
  return nil
}

/// Reads `chat_template`: a string, or a list of named templates, of which `default` counts.
private func chatTemplate(reading json: ConfigurationReader) throws(ModelFileError) -> String? {
  let name = "chat_template"
  guard let named = json[name]?.array else { return try json.text(name) }
  for entry in named where entry["name"] == "default" {
    guard let text = entry["template"]?.string else { break }
    return text
  }
  throw json.fault(name, expected: "a template named \"default\"")
}

/// Returns the tokens that templates may name (`bos_token`, `eos_token`, …), by name, from `tokenizer_config.json`.
/// Each is a string, or an object with the string as `content`.
func namedTokens(in directory: borrowing ModelDirectory) throws(ModelFileError) -> [ExactString: String] {
  let file = "tokenizer_config.json"
  guard let bytes = try directory.contents(of: file, limit: 16 << 20) else { return [:] }
  let json = try ConfigurationReader(parsing: bytes, file: directory.path(of: file))
  var tokens: [ExactString: String] = [:]
  for kind in ["bos", "eos", "unk", "sep", "pad", "cls", "mask"] {
    let name = kind + "_token"
    tokens[name.exact] = json[name]?.object == nil ? try json.text(name) : try json.child(name)?.text("content")
  }
  return tokens
}
