// A wearable that recognises activities (UCI HAR): trains in the background
// while it lies on its charger, and names what its wearer does at any time.
//
//   wearable HOST:PORT STATE_FOLDER HAR_FOLDER SUBJECT
//
// HAR_FOLDER holds train/X_train.txt, y_train.txt and subject_train.txt as UCI
// distributes them; the windows of one subject are this device's. The state
// folder comes from `shoal-agent enroll`; the task's model takes 561 features
// and tells 6 classes apart.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "shoal/client.h"

namespace {

constexpr int kFeatures = 561;
constexpr const char* kActivities[] = {"walking", "upstairs", "downstairs",
                                       "sitting", "standing", "laying"};

// The windows of one subject.
class Windows final : public shoal::ExampleSource {
 public:
  Windows(const std::string& folder, int subject) {
    std::ifstream features(folder + "/train/X_train.txt");
    std::ifstream labels(folder + "/train/y_train.txt");
    std::ifstream subjects(folder + "/train/subject_train.txt");
    std::vector<float> row(kFeatures);
    for (int label = 0, whose = 0; labels >> label && subjects >> whose;) {
      for (float& value : row) features >> value;
      if (!features || whose != subject) continue;
      values_.insert(values_.end(), row.begin(), row.end());
      labels_.push_back(label - 1);  // counted from 1 in the file
    }
  }

  int64_t num_examples() const override {
    return static_cast<int64_t>(labels_.size());
  }
  int num_features() const override { return kFeatures; }
  int num_classes() const override { return 6; }
  int32_t label(int64_t index) const override { return labels_[index]; }
  void CopyFeatures(int64_t index, absl::Span<float> out) const override {
    std::copy_n(&values_[index * kFeatures], kFeatures, out.begin());
  }

 private:
  std::vector<float> values_;
  std::vector<int32_t> labels_;
};

// A coin cell's worth a day, and only on the charger.
shoal::DeviceLimits Limits() {
  shoal::DeviceLimits limits;
  limits.budgets.joules_per_day = 400;
  limits.conditions.external_power = true;
  limits.conditions.max_celsius = 45;
  limits.conditions.settle_time = absl::ZeroDuration();
  limits.sensors.meter = "none";
  limits.energy.joules_per_gigaflop = 0.5;
  return limits;
}

// What the wearable's own chips say; here it lies on its charger.
void ReadDevice(shoal::DeviceReadings& readings) {
  readings.external_power = true;
  readings.battery_fraction = 0.7;
  readings.celsius = 31;
}

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fprintf(stderr,
                 "usage: %s HOST:PORT STATE_FOLDER HAR_FOLDER SUBJECT\n",
                 argv[0]);
    return 2;
  }
  Windows windows(argv[3], std::atoi(argv[4]));
  shoal::ClientOptions options;
  options.coordinator = argv[1];
  options.state_folder = argv[2];
  options.population = "wearables";
  options.limits = Limits();

  std::atomic<int> contributions = 0;
  shoal::ClientDependencies dependencies;
  dependencies.examples = &windows;
  dependencies.device_state = ReadDevice;
  dependencies.on_event = [&](const shoal::ClientEvent& event) {
    std::printf("  %s\n", event.detail.c_str());
    if (event.kind == shoal::ClientEvent::kUploaded) ++contributions;
  };
  auto client = shoal::Client::Create(options, dependencies);
  if (!client.ok()) return Fail(client.status());

  // Sessions run on a thread of their own; the wearable goes on with its work
  // until three of them have counted, or for a minute at most.
  absl::Status started = (*client)->Start();
  if (!started.ok()) return Fail(started);
  for (int i = 0; contributions < 3 && i < 600; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  (*client)->Stop();

  int right = 0;
  std::vector<float> window(kFeatures);
  for (int64_t i = 0; i < windows.num_examples(); ++i) {
    windows.CopyFeatures(i, absl::MakeSpan(window));
    auto probabilities = (*client)->Predict(window);
    if (!probabilities.ok()) return Fail(probabilities.status());
    const auto best =
        std::max_element(probabilities->begin(), probabilities->end()) -
        probabilities->begin();
    if (i == 0) std::printf("the first window is %s\n", kActivities[best]);
    right += best == windows.label(i) ? 1 : 0;
  }
  std::printf("%d of %d windows recognised\n", right,
              static_cast<int>(windows.num_examples()));
  return contributions >= 3 ? 0 : 1;
}
