// Draws digits of some writers of the built-in handwriting, one row per writer,
// into a PNG file:
//
//   handwriting_picture FILE [SEED]
#include <zlib.h>

#include <cstdint>
#include <iostream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/string_view.h"
#include "base/file.h"
#include "learning/data/handwriting.h"

namespace shoal::learning {
namespace {

constexpr int kWriters = 12;
constexpr int kDigits = 10;
constexpr int kRepeats = 2;  // of the ten digits
constexpr int kZoom = 2;     // pixels per pixel
constexpr int kSide = Canvas::kSide;

// Grey levels, row-major; 255 is paper.
struct Picture {
  int width = 0;
  int height = 0;
  std::vector<uint8_t> pixels;
};

Picture DrawWriters(uint64_t seed) {
  Picture picture{
      kDigits * kRepeats * kSide * kZoom, kWriters * kSide * kZoom, {}};
  picture.pixels.resize(picture.width * picture.height);
  std::vector<float> digit(Writer::kNumFeatures);
  for (int row = 0; row < kWriters; ++row) {
    const Writer writer(seed, 200, row);
    for (int column = 0; column < kDigits * kRepeats; ++column) {
      writer.DrawHeldOut(column, column % kDigits, absl::MakeSpan(digit));
      for (int y = 0; y < kSide * kZoom; ++y) {
        uint8_t* const line = picture.pixels.data() +
                              (row * kSide * kZoom + y) * picture.width +
                              column * kSide * kZoom;
        for (int x = 0; x < kSide * kZoom; ++x) {
          const float ink = digit[y / kZoom * kSide + x / kZoom];
          line[x] = static_cast<uint8_t>(255 * (1 - ink));
        }
      }
    }
  }
  return picture;
}

void AppendBigEndian(std::string& out, uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) {
    out.push_back(static_cast<char>(value >> shift));
  }
}

// A PNG chunk: length, type, contents, CRC-32 of type and contents.
void AppendChunk(std::string& out, absl::string_view type,
                 absl::string_view contents) {
  AppendBigEndian(out, static_cast<uint32_t>(contents.size()));
  const size_t begin = out.size();
  out.append(type.data(), type.size());
  out.append(contents.data(), contents.size());
  AppendBigEndian(out, crc32_z(0, reinterpret_cast<const Bytef*>(&out[begin]),
                               out.size() - begin));
}

std::string EncodePng(const Picture& picture) {
  std::string header;
  AppendBigEndian(header, picture.width);
  AppendBigEndian(header, picture.height);
  // Eight bits of grey; deflate, no interlacing.
  header.append({8, 0, 0, 0, 0});
  std::string lines;
  for (int y = 0; y < picture.height; ++y) {
    lines.push_back(0);  // no filter
    lines.append(reinterpret_cast<const char*>(picture.pixels.data()) +
                     y * picture.width,
                 picture.width);
  }
  uLongf size = compressBound(lines.size());
  std::string packed(size, '\0');
  // Cannot fail: the space is what zlib itself asks for.
  compress2(reinterpret_cast<Bytef*>(packed.data()), &size,
            reinterpret_cast<const Bytef*>(lines.data()), lines.size(), 9);
  packed.resize(size);
  std::string png("\x89PNG\r\n\x1a\n");
  AppendChunk(png, "IHDR", header);
  AppendChunk(png, "IDAT", packed);
  AppendChunk(png, "IEND", "");
  return png;
}

}  // namespace
}  // namespace shoal::learning

int main(int argc, char** argv) {
  uint64_t seed = 1;
  if (argc < 2 || argc > 3 ||
      (argc == 3 && !absl::SimpleAtoi(argv[2], &seed))) {
    std::cerr << "usage: handwriting_picture FILE [SEED]\n";
    return 2;
  }
  const absl::Status written = shoal::WriteFileAtomically(
      argv[1], shoal::learning::EncodePng(shoal::learning::DrawWriters(seed)));
  if (!written.ok()) {
    std::cerr << "handwriting_picture: " << written.message() << '\n';
    return 1;
  }
}
