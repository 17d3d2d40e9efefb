// Placeholder until the room is merged.
package struct ShadowRow: Sendable, Equatable {
  package var time: Double; package var requestID: String; package var key: String?; package var mode: String
  package var tokens: Int; package var seconds: Double; package var shadowTokens: Int; package var shadowSeconds: Double
  package init(time: Double, requestID: String, key: String?, mode: String, tokens: Int, seconds: Double, shadowTokens: Int, shadowSeconds: Double) {
    (self.time, self.requestID, self.key, self.mode) = (time, requestID, key, mode)
    (self.tokens, self.seconds, self.shadowTokens, self.shadowSeconds) = (tokens, seconds, shadowTokens, shadowSeconds)
  }
}
package final class Ledger: Sendable {
  package func record(_ row: ShadowRow) {}
}
