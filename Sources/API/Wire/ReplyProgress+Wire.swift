// The progress of a prompt as a comment of the stream, or as an object with include_progress.
import JSON

extension ReplyProgress {
  /// The text of a comment line, for instance `prefill 1024/2929`.
  var comment: String {
    switch self {
    case .prefill(let done, let total): "prefill \(done)/\(total)"
    case .encoding(let image, let done, let total): "image \(image) \(done)/\(total)"
    }
  }

  /// `{"choice", "stage": "prefill" | "image", "image"?, "done", "total"}`.
  func json(of choice: Int) -> JSONValue {
    var object: JSONObject = ["choice": .integer(Int64(choice))]
    let (done, total): (Int, Int)
    switch self {
    case .prefill(let positions, let all):
      object["stage"] = "prefill"
      (done, total) = (positions, all)
    case .encoding(let image, let blocks, let all):
      object["stage"] = "image"
      object["image"] = .integer(Int64(image))
      (done, total) = (blocks, all)
    }
    (object["done"], object["total"]) = (.integer(Int64(done)), .integer(Int64(total)))
    return .object(object)
  }
}
