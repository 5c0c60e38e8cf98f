// A device in a hundred lines: its own examples, one session, one prediction.
//
//   minimal_client HOST:PORT STATE_FOLDER POPULATION [--insecure]
//
// The state folder holds the device's identity, made by `shoal-agent enroll`
// (with --insecure it needs none). The task's model must take two features and
// tell two classes apart, as logistic: {inputs: 2, outputs: 2} does.
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <random>
#include <vector>

#include "shoal/client.h"

namespace {

// Points in a square; the class says on which side of the diagonal they lie.
class Points final : public shoal::ExampleSource {
 public:
  explicit Points(int num_points) {
    std::mt19937 generator(1);
    std::uniform_real_distribution<float> coordinate(-1, 1);
    for (int i = 0; i < num_points; ++i) {
      points_.push_back({coordinate(generator), coordinate(generator)});
    }
  }

  int64_t num_examples() const override {
    return static_cast<int64_t>(points_.size());
  }
  int num_features() const override { return 2; }
  int num_classes() const override { return 2; }
  int32_t label(int64_t index) const override {
    return points_[index].x > points_[index].y ? 1 : 0;
  }
  void CopyFeatures(int64_t index, absl::Span<float> out) const override {
    out[0] = points_[index].x;
    out[1] = points_[index].y;
  }

 private:
  struct Point {
    float x;
    float y;
  };
  std::vector<Point> points_;
};

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::fprintf(stderr,
                 "usage: %s HOST:PORT STATE_FOLDER POPULATION [--insecure]\n",
                 argv[0]);
    return 2;
  }
  shoal::ClientOptions options;
  options.coordinator = argv[1];
  options.state_folder = argv[2];
  options.population = argv[3];
  options.insecure = argc > 4 && std::strcmp(argv[4], "--insecure") == 0;

  Points points(200);
  shoal::ClientDependencies dependencies;
  dependencies.examples = &points;
  dependencies.on_event = [](const shoal::ClientEvent& event) {
    std::printf("  %s\n", event.detail.c_str());
  };

  auto client = shoal::Client::Create(options, dependencies);
  if (!client.ok()) return Fail(client.status());

  absl::StatusOr<shoal::SessionReport> report = (*client)->RunOnce();
  if (!report.ok()) return Fail(report.status());
  std::printf("%s; come back in %.0f s\n", report->explanation.c_str(),
              absl::ToDoubleSeconds(report->next_check_in));
  if (report->outcome != shoal::SessionReport::kContributed) return 1;

  auto probabilities = (*client)->Predict({0.9f, 0.1f});
  if (!probabilities.ok()) return Fail(probabilities.status());
  std::printf("the model of version %lld gives (0.9, 0.1) class 1 with %.2f\n",
              static_cast<long long>(report->model_version),
              (*probabilities)[1]);
  return 0;
}
