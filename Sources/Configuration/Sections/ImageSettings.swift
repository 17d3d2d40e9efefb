// Limits of images, and where they may come from.

/// Section `images`.
package struct ImageSettings: Sendable {
  package let maxCount = Setting<Int>(
    "images.max_count", in: 0...256, default: 8,
    "Images in one request.")
  package let maxBytes = Setting<Int>(
    "images.max_bytes", in: 1024...1 << 30, default: 33_554_432,
    "Bytes of one encoded image.")
  package let maxPixels = Setting<Int>(
    "images.max_pixels", in: 1...1_000_000_000, default: 50_000_000,
    "Pixels of one image, checked before decoding.")
  package let remote = Setting<[String]>(
    "images.remote", of: .text,
    "Hosts from which images may be fetched, as `[http://]HOST[:PORT]` or `*.DOMAIN`, https without a scheme; an empty list fetches none."
  )
  package let remoteNetworks = Setting<[String]>(
    "images.remote_networks", of: .text,
    "Private networks (`10.1.0.0/16`, `::1`) to which host names of images.remote may resolve.")
  package let remoteTimeout = Setting<Duration>(
    "images.remote_timeout_s", seconds: 0.1...600, default: 20,
    "Seconds to fetch all images of a request, including the time in the queue.")
  package let remoteCAFile = Setting<String?>(
    "images.remote_ca_file", default: nil,
    "PEM file with the certificate authorities for those hosts, relative to config.json; null takes the system's.")
  package let root = Setting<String?>(
    "images.root", default: nil,
    "Directory below which `file:` images are read, relative to config.json; null reads none.")
}
