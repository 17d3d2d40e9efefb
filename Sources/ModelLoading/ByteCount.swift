// Byte counts for readers.
import Foundation

package enum ByteCount {
  /// `bytes` in binary units: `2.41 GiB`, `312.5 MiB`.
  package static func text(_ bytes: Int) -> String {
    let mebibytes = Double(bytes) / 1_048_576
    return mebibytes < 1024 ? String(format: "%.1f MiB", mebibytes) : String(format: "%.2f GiB", mebibytes / 1024)
  }
}
