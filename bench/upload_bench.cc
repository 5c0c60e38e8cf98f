// The upload path of shoald beside a bare gRPC streaming server that discards
// the same messages, with the same TLS and the same clients, in one run; and
// the resident memory of shoald for growing numbers of devices.
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "base/file.h"
#include "base/version.h"
#include "bench/fleet_bench.h"
#include "shoal/v1/admin.grpc.pb.h"

namespace shoal::bench {
namespace {

struct Options {
  int64_t parameters = 1'000'000;
  int devices = 64;
  int streams = 4;
  int repetitions = 3;
  std::vector<int> memory_devices = {10, 100, 1000};
  std::string json;
};

// Runs `work(i)` for i in [0, count) on so many threads; returns seconds.
double Timed(int count, int threads, const std::function<void(int)>& work) {
  const absl::Time start = absl::Now();
  std::vector<std::thread> pool;
  for (int t = 0; t < threads; ++t) {
    pool.emplace_back([&, t] {
      for (int i = t; i < count; i += threads) work(i);
    });
  }
  for (std::thread& thread : pool) thread.join();
  return absl::ToDoubleSeconds(absl::Now() - start);
}

void CreateTask(const Deployment& deployment, const std::string& address,
                const v1::Task& task) {
  auto stub =
      v1::Admin::NewStub(Connect(address, deployment.OperatorCredentials()));
  grpc::ClientContext context;
  v1::CreateTaskRequest request;
  *request.mutable_task() = task;
  v1::TaskReport report;
  const grpc::Status status = stub->CreateTask(&context, request, &report);
  if (!status.ok()) OrDie(absl::InternalError(status.error_message()));
}

// Bytes per second of updates that `server` takes from all devices at once.
// Connections and, for shoald, assignments exist before the clock starts.
double Throughput(const Deployment& deployment, const Options& options,
                  const std::string& address, const std::string& population) {
  std::vector<std::unique_ptr<LoadDevice>> devices;
  std::vector<std::string> tokens(options.devices);
  for (int i = 0; i < options.devices; ++i) {
    devices.push_back(std::make_unique<LoadDevice>(
        Connect(address, deployment.DeviceCredentials(i)), options.parameters));
    if (!population.empty()) {
      tokens[i] = devices[i]->AwaitAssignment(population).token();
    }
  }
  const double seconds = Timed(options.devices, options.streams,
                               [&](int i) { devices[i]->Upload(tokens[i]); });
  return options.devices * devices[0]->update_bytes() / seconds;
}

struct MemoryPoint {
  int devices;
  int64_t resident;
  int64_t peak;
};

// Resident memory of a fresh shoald after a round of so many devices.
MemoryPoint MeasureMemory(const Deployment& deployment, const Options& options,
                          int num_devices) {
  Coordinator shoald = StartCoordinator(deployment);
  CreateTask(deployment, shoald.address,
             MakeTask("memory", options.parameters, num_devices, 1));
  Timed(num_devices, options.streams, [&](int i) {
    LoadDevice device(Connect(shoald.address, deployment.DeviceCredentials(i)),
                      options.parameters);
    device.Upload(device.AwaitAssignment("memory").token());
  });
  return {num_devices, shoald.process->ResidentBytes(),
          shoald.process->PeakResidentBytes()};
}

int Run(const Options& options) {
  std::printf("upload: %d devices x %lld parameters, %d at a time, TLS\n",
              options.devices, static_cast<long long>(options.parameters),
              options.streams);
  Deployment deployment;
  Coordinator bare = StartBareServer(deployment, 10);
  Coordinator shoald = StartCoordinator(deployment);
  nlohmann::json runs = nlohmann::json::array();
  double best_share = 0;
  for (int r = 0; r < options.repetitions; ++r) {
    const std::string task = absl::StrFormat("upload-%d", r);
    CreateTask(deployment, shoald.address,
               MakeTask(task, options.parameters, options.devices, 1));
    const double bare_rate = Throughput(deployment, options, bare.address, "");
    const double shoal_rate =
        Throughput(deployment, options, shoald.address, task);
    best_share = std::max(best_share, shoal_rate / bare_rate);
    std::printf("  bare %7.1f MB/s   shoald %7.1f MB/s   share %5.1f %%\n",
                bare_rate / 1e6, shoal_rate / 1e6,
                100 * shoal_rate / bare_rate);
    std::fflush(stdout);
    runs.push_back({{"bare_bytes_per_second", bare_rate},
                    {"shoald_bytes_per_second", shoal_rate},
                    {"share", shoal_rate / bare_rate}});
  }
  nlohmann::json memory = nlohmann::json::array();
  for (int devices : options.memory_devices) {
    const MemoryPoint point = MeasureMemory(deployment, options, devices);
    std::printf("  %6d devices: resident %6.1f MiB, peak %6.1f MiB\n",
                point.devices, point.resident / 1048576.0,
                point.peak / 1048576.0);
    std::fflush(stdout);
    memory.push_back({{"devices", point.devices},
                      {"resident_bytes", point.resident},
                      {"peak_resident_bytes", point.peak}});
  }
  if (!options.json.empty()) {
    const nlohmann::json result = {{"benchmark", "upload"},
                                   {"version", LongVersion()},
                                   {"parameters", options.parameters},
                                   {"devices", options.devices},
                                   {"streams", options.streams},
                                   {"runs", runs},
                                   {"best_share", best_share},
                                   {"memory", memory}};
    OrDie(WriteFileAtomically(options.json, result.dump(2) + "\n"));
  }
  return 0;
}

}  // namespace
}  // namespace shoal::bench

int main(int argc, char** argv) {
  if (argc == 4 && std::string(argv[1]) == "--bare-server") {
    return shoal::bench::RunBareServer(argv[2], std::atoll(argv[3]));
  }
  shoal::bench::Options options;
  CLI::App app(
      "Throughput of uploads beside a bare gRPC stream, and memory of shoald.\n"
      "Example: script/bench upload --memory 10,100,1000,10000");
  app.add_option("--parameters", options.parameters, "floats per update");
  app.add_option("--devices", options.devices, "updates per measurement");
  app.add_option("--streams", options.streams, "uploads at a time");
  app.add_option("--repetitions", options.repetitions, "measurements");
  app.add_option("--memory", options.memory_devices,
                 "numbers of devices to measure memory with")
      ->delimiter(',');
  app.add_option("--json", options.json, "write the result to this file");
  CLI11_PARSE(app, argc, argv);
  return shoal::bench::Run(options);
}
