// Encodes texts for compare.py in one process: reads lines "path count", prints the seconds of each of `count` runs,
// and writes the ids of the last run as little-endian 32-bit integers to path + ".ids".
//
//   tokenizer-benchmark tokenizer.json < commands

import Basics
import Foundation
import Tokenization

let clock = ContinuousClock()
let json = try Data(contentsOf: URL(fileURLWithPath: CommandLine.arguments[1]))
let bytes = [UInt8](json)
var tokenizer: Tokenizer?
let load = try clock.measure { tokenizer = try Tokenizer(json: bytes) }
print("load \(load.seconds)")
fflush(nil)

while let command = readLine(), let tokenizer {
  let parts = command.split(separator: " ")
  let text = String(decoding: try Data(contentsOf: URL(fileURLWithPath: String(parts[0]))), as: UTF8.self)
  var ids: [Int32] = []
  var seconds: [String] = []
  for _ in 0..<(Int(parts[1]) ?? 1) {
    let time = clock.measure { ids = tokenizer.encode(text) }
    seconds.append("\(time.seconds)")
  }
  try ids.withUnsafeBytes { Data($0) }.write(to: URL(fileURLWithPath: parts[0] + ".ids"))
  print(seconds.joined(separator: " "))
  fflush(nil)
}
