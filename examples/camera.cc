// A camera that reads digits: every picture that a person has corrected is
// handed over and kept by the SDK; the model is asked before every one of them.
//
//   camera HOST:PORT STATE_FOLDER DIGITS_FILE
//
// DIGITS_FILE has a picture per line, 64 grey values from 0 to 16 and the
// digit, separated by commas, as UCI's optdigits.tra; it stands for the lens
// and for the person. The state folder comes from `shoal-agent enroll`; the
// task's model takes 64 features and tells 10 classes apart.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "shoal/client.h"

namespace {

constexpr int kPixels = 64;
constexpr int kPicturesPerSession = 50;
constexpr int kSessions = 8;

struct Picture {
  std::vector<float> pixels;
  int32_t digit = 0;
};

class Camera {
 public:
  explicit Camera(const std::string& path) : lines_(path) {}

  // Nothing when there are no more.
  std::optional<Picture> Take() {
    Picture picture;
    char comma = ',';
    for (int i = 0; i < kPixels; ++i) {
      float grey = 0;
      lines_ >> grey >> comma;
      picture.pixels.push_back(grey / 16);
    }
    if (!(lines_ >> picture.digit)) return std::nullopt;
    return picture;
  }

 private:
  std::ifstream lines_;
};

shoal::ClientOptions Options(char** argv) {
  shoal::ClientOptions options;
  options.coordinator = argv[1];
  options.state_folder = argv[2];
  options.population = "cameras";
  shoal::ExampleStoreOptions store;
  store.num_features = kPixels;
  store.num_classes = 10;
  store.max_examples = 2000;
  store.max_bytes = 1 << 20;
  options.example_store = store;
  return options;
}

// The digit that the newest model sees; -1 before there is one.
int Recognise(shoal::Client& client, const Picture& picture) {
  auto probabilities = client.Predict(picture.pixels);
  if (!probabilities.ok()) return -1;
  return static_cast<int>(
      std::max_element(probabilities->begin(), probabilities->end()) -
      probabilities->begin());
}

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: %s HOST:PORT STATE_FOLDER DIGITS_FILE\n",
                 argv[0]);
    return 2;
  }
  Camera camera(argv[3]);
  auto client = shoal::Client::Create(Options(argv), {});
  if (!client.ok()) return Fail(client.status());

  for (int session = 1; session <= kSessions; ++session) {
    int right = 0;
    for (int i = 0; i < kPicturesPerSession; ++i) {
      const std::optional<Picture> picture = camera.Take();
      if (!picture.has_value()) return Fail(absl::NotFoundError("no picture"));
      right += Recognise(**client, *picture) == picture->digit ? 1 : 0;
      shoal::Example example;
      example.features = picture->pixels;
      example.labels = absl::MakeConstSpan(&picture->digit, 1);
      const absl::Status added = (*client)->AddExample(example);
      if (!added.ok()) return Fail(added);
    }
    absl::StatusOr<shoal::SessionReport> report = (*client)->RunOnce();
    if (!report.ok()) return Fail(report.status());
    std::printf("session %d: recognised %d of %d; %s\n", session, right,
                kPicturesPerSession, report->explanation.c_str());
  }
  return 0;
}
