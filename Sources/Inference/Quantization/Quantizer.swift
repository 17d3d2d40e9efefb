// Writes a checkpoint's tensors into GGUF files. Pieces of rows are read, widened, rounded and written, at most two in
// memory per core. Each core takes the next piece when it has finished one and waits for its turn to write. The bytes
// of a file therefore do not depend on the number of cores.
import CKernels
import Foundation
import ModelFiles
import Synchronization

/// A GGUF file that is being written, and its tensors.
package struct QuantizedFile {
  package let writer: GGUFWriter
  let plan: [PlannedTensor]

  /// Creates the file under a temporary name; `Quantizer.finish` renames it to `path`.
  package init(path: String, _ fileType: FileType, metadata: GGUFMetadata, plan: [PlannedTensor])
    throws(ModelFileError)
  {
    self.plan = plan
    var metadata = metadata
    fileType.describe(&metadata)
    writer = try GGUFWriter(path: path, metadata: metadata, tensors: plan.map(\.written))
  }
}

/// Rounds the tensors of a checkpoint into one or two files.
package struct Quantizer {
  private let checkpoint: Checkpoint
  private let files: [QuantizedFile]
  private let pieces: [Piece]
  /// The number of values of all tensors.
  package let parameterCount: Int

  /// The number of values of one piece, unless one row has more.
  static let pieceSize = 1 << 19

  /// A run of rows of one tensor.
  private struct Piece {
    let file: Int
    let tensor: TensorInfo
    let type: ElementType
    let rows: Range<Int>

    var count: Int { tensor.rowCount == 0 ? 0 : tensor.elementCount / tensor.rowCount * rows.count }
    var sourceBytes: Int { tensor.rowByteCount * rows.count }
    var bytes: Int { type.byteCount(of: count) }
  }

  /// Writes the files in this order. The last one gets its name last, as the sign that all are complete.
  package init(_ checkpoint: Checkpoint, into files: [QuantizedFile]) throws(ModelFileError) {
    self.checkpoint = checkpoint
    self.files = files
    var pieces: [Piece] = []
    for (file, planned) in files.enumerated().flatMap({ file in file.element.plan.map { (file.offset, $0) } }) {
      let tensor = try checkpoint.require(planned.source, shape: planned.written.shape)
      // Only rows of a matrix are whole blocks.
      let isMatrix = tensor.shape.count > 1
      let step =
        isMatrix ? max(1, Self.pieceSize / max(1, tensor.elementCount / max(1, tensor.rowCount))) : tensor.rowCount
      for begin in stride(from: 0, to: tensor.rowCount, by: max(1, step)) {
        let rows = begin..<min(begin + step, tensor.rowCount)
        pieces.append(Piece(file: file, tensor: tensor, type: planned.written.type, rows: rows))
      }
    }
    self.pieces = pieces
    parameterCount = pieces.reduce(0) { $0 + $1.count }
  }

  /// Reads, rounds and writes everything. Calls `progress` with the number of values written so far, from one thread at
  /// a time. Returns false if `isCancelled` returned true. Throws if a file cannot be read or written, and for a tensor
  /// whose values are not finite or exceed the range of its type.
  package func run(progress: (Int) -> Void, isCancelled: () -> Bool) throws(ModelFileError) -> Bool {
    let next = Atomic(0)
    let turn = Turn()
    // Guarded by `turn`: only the thread whose turn it is writes and reports.
    nonisolated(unsafe) var written = 0
    Lanes.run(min(Lanes.count, pieces.count)) { _ in
      let buffers = Buffers(pieces)
      while true {
        let index = next.add(1, ordering: .relaxed).oldValue
        guard index < pieces.count else { return }
        let piece = pieces[index]
        do throws(ModelFileError) {
          let bytes = try rounded(piece, buffers)
          guard turn.wait(for: index) else { return }
          if isCancelled() { return turn.stop() }
          try files[piece.file].writer.write(bytes)
        } catch { return turn.stop(error) }
        written += piece.count
        progress(written)
        turn.finish(index)
      }
    }
    if let failure = turn.failure { throw failure }
    return !turn.isStopped
  }

  /// Gives the files their names. The last file gets its name last; before that, no file of that name exists. If one
  /// file cannot get its name, all files that already have theirs are removed.
  package func finish() throws(ModelFileError) {
    if let last = files.last, files.count > 1 { unlink(last.writer.path) }
    var named: [String] = []
    do throws(ModelFileError) {
      for file in files {
        try file.writer.finish()
        named.append(file.writer.path)
      }
    } catch {
      for path in named { unlink(path) }
      throw error
    }
  }

  /// The bytes of a piece in its new type. Blocks that already have that type are copied unchanged.
  private func rounded(_ piece: Piece, _ buffers: Buffers) throws(ModelFileError) -> UnsafeRawBufferPointer {
    let tensor = piece.tensor
    let source = UnsafeMutableRawBufferPointer(start: buffers.source, count: piece.sourceBytes)
    try checkpoint.read(tensor, rows: piece.rows, into: source)
    if tensor.type == piece.type, tensor.type.isQuantized { return UnsafeRawBufferPointer(source) }
    ck_widen(buffers.values, buffers.source, tensor.type.kernelType, piece.count)
    guard ck_quantize(buffers.out, buffers.values, piece.type.kernelType, piece.count) else {
      throw ModelFileError(
        file: tensor.file, location: .tensor(tensor.storedName),
        expected: "finite values in the range of \(piece.type.rawValue), in rows \(piece.rows)",
        found: "a value outside it")
    }
    return UnsafeRawBufferPointer(start: buffers.out, count: piece.bytes)
  }

  /// The buffers of one core: a piece as stored, as f32 and as written.
  private final class Buffers {
    let source, out: UnsafeMutableRawPointer
    let values: UnsafeMutablePointer<Float>

    init(_ pieces: [Piece]) {
      source = .allocate(byteCount: pieces.reduce(0) { max($0, $1.sourceBytes) }, alignment: 64)
      out = .allocate(byteCount: pieces.reduce(0) { max($0, $1.bytes) }, alignment: 64)
      values = .allocate(capacity: pieces.reduce(0) { max($0, $1.count) })
    }

    deinit {
      source.deallocate()
      out.deallocate()
      values.deallocate()
    }
  }
}

/// Lets threads work in the order of their numbers, from 0 on, until one stops them.
private final class Turn: Sendable {
  private let condition = NSCondition()
  private let state = Mutex<(current: Int, isStopped: Bool, failure: ModelFileError?)>((0, false, nil))

  var isStopped: Bool { state.withLock { $0.isStopped } }
  var failure: ModelFileError? { state.withLock { $0.failure } }

  /// Waits for the turn of number `index`. Returns false if the work was stopped.
  func wait(for index: Int) -> Bool {
    condition.lock()
    defer { condition.unlock() }
    while true {
      let (current, isStopped, _) = state.withLock { $0 }
      if isStopped { return false }
      if current == index { return true }
      condition.wait()
    }
  }

  func finish(_ index: Int) { change { $0.current = index + 1 } }

  /// Stops all threads; the first failure is kept.
  func stop(_ failure: ModelFileError? = nil) {
    change {
      if !$0.isStopped { $0.failure = failure }
      $0.isStopped = true
    }
  }

  private func change(_ body: (inout (current: Int, isStopped: Bool, failure: ModelFileError?)) -> Void) {
    condition.lock()
    state.withLock { body(&$0) }
    condition.broadcast()
    condition.unlock()
  }
}
