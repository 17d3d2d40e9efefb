import HTTP

/// The output of a parser: its events, or the status with which it rejected the input.
struct Parsed: Equatable {
  var heads: [RequestHead] = []
  var bodies: [[UInt8]] = []
  var violation: HTTPViolation?
  var isWaiting = false
}

/// Parses `bytes`, split before each of `cuts`, with one parser.
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
      parsed.violation = error
      return parsed
    }
  }
  parsed.isWaiting = parser.isInHead || parser.isInBody
  return parsed
}

func parse(_ text: String, cuts: [Int] = [], limits: HTTPLimits = HTTPLimits()) -> Parsed {
  parse(Array(text.utf8), cuts: cuts, limits: limits)
}
