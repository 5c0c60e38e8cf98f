// A folder that looks like a part of /sys or /proc.
#ifndef SHOAL_TESTS_CLIENT_METERS_FIXTURE_TREE_H_
#define SHOAL_TESTS_CLIENT_METERS_FIXTURE_TREE_H_

#include <filesystem>
#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "base/file.h"

namespace shoal::testing {

class FixtureTree {
 public:
  const std::string& root() const { return folder_.path(); }

  // Writes a file as a kernel shows it: with a line end.
  void Write(absl::string_view path, absl::string_view text) const {
    WriteRaw(path, absl::StrCat(text, "\n"));
  }
  void Write(absl::string_view path, int64_t value) const {
    Write(path, absl::StrCat(value));
  }
  void WriteRaw(absl::string_view path, absl::string_view text) const {
    const std::filesystem::path file = absl::StrCat(root(), "/", path);
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }
  void Remove(absl::string_view path) const {
    std::filesystem::remove_all(absl::StrCat(root(), "/", path));
  }

 private:
  TemporaryFolder folder_;
};

}  // namespace shoal::testing

#endif  // SHOAL_TESTS_CLIENT_METERS_FIXTURE_TREE_H_
