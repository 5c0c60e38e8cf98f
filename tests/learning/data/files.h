// Small data files for the tests of the loaders.
#ifndef SHOAL_TESTS_LEARNING_DATA_FILES_H_
#define SHOAL_TESTS_LEARNING_DATA_FILES_H_

#include <zlib.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "base/check.h"
#include "learning/dataset.h"

namespace shoal::learning {

// Writes `contents` to `folder`/`name` and returns that path.
inline std::string WriteFile(const std::string& folder, const std::string& name,
                             absl::string_view contents) {
  const std::filesystem::path path = std::filesystem::path(folder) / name;
  std::filesystem::create_directories(path.parent_path());
  std::ofstream file(path, std::ios::binary);
  file.write(contents.data(), contents.size());
  SHOAL_CHECK(file.good());
  return path.string();
}

// `contents` as gzip(1) packs them.
inline std::string Gzip(absl::string_view contents) {
  z_stream stream{};
  SHOAL_CHECK(deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8,
                           Z_DEFAULT_STRATEGY) == Z_OK);
  std::string packed(deflateBound(&stream, contents.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(contents.data()));
  stream.avail_in = contents.size();
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = packed.size();
  SHOAL_CHECK(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

inline std::vector<float> FeaturesOf(const Dataset& data, int64_t index) {
  std::vector<float> features(data.num_features());
  data.CopyFeatures(index, absl::MakeSpan(features));
  return features;
}

// Format version 1.0 with `dictionary` as its header.
inline std::string NpyBytes(absl::string_view dictionary,
                            absl::string_view values) {
  const std::string header = absl::StrCat(dictionary, "\n");
  std::string bytes("\x93NUMPY\x01\x00", 8);
  bytes.push_back(static_cast<char>(header.size() & 0xff));
  bytes.push_back(static_cast<char>(header.size() >> 8));
  return absl::StrCat(bytes, header, values);
}

}  // namespace shoal::learning

#endif  // SHOAL_TESTS_LEARNING_DATA_FILES_H_
