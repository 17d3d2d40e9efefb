import HTTP

/// What a parser made of bytes: its events, or the status it refused them with.
struct Parsed: Equatable {
  var heads: [RequestHead] = []
  var bodies: [[UInt8]] = []
  var refused: HTTPViolation?
  var isWaiting = false
}

/// Parses `bytes` cut before each of `cuts`, one parser for all pieces.
func parse(_ bytes: [UInt8], cuts: [Int] = [], limits: HTTPLimits = HTTPLimits()) -> Parsed {
  var parser = RequestParser(limits: limits)
  var parsed = Parsed()
  let edges = [0] + cuts + [bytes.count]
  for (start, end) in zip(edges, edges.dropFirst()) {
    let piece = Array(bytes[start..<end])
    var position = 0
    do {
      pieces: while true {
        switch try parser.parse(piece.span, at: &position) {
        case .needsMore: break pieces
        case .head(let head): parsed.heads.append(head)
        case .body(let body): parsed.bodies.append(body)
        }
      }
    } catch {
      parsed.refused = error
      return parsed
    }
  }
  parsed.isWaiting = parser.isInHead || parser.isInBody
  return parsed
}

func parse(_ text: String, cuts: [Int] = [], limits: HTTPLimits = HTTPLimits()) -> Parsed {
  parse(Array(text.utf8), cuts: cuts, limits: limits)
}
