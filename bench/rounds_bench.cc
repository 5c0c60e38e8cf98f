// Whole rounds without training beside a bare exchange of the same bytes: every
// device receives the model and sends an update of the same size, with the same
// TLS, in one run.
#include <algorithm>
#include <barrier>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "base/file.h"
#include "base/version.h"
#include "bench/fleet_bench.h"
#include "protocol/wire.h"
#include "shoal/v1/admin.grpc.pb.h"

namespace shoal::bench {
namespace {

struct Shape {
  int devices;
  int64_t parameters;
};

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

std::vector<std::unique_ptr<LoadDevice>> MakeDevices(
    const Deployment& deployment, const std::string& address, Shape shape) {
  std::vector<std::unique_ptr<LoadDevice>> devices;
  for (int i = 0; i < shape.devices; ++i) {
    devices.push_back(std::make_unique<LoadDevice>(
        Connect(address, deployment.DeviceCredentials(i)), shape.parameters));
  }
  return devices;
}

// Median milliseconds of an exchange: all devices fetch and upload, then meet.
double BareExchange(const Deployment& deployment, Shape shape, int rounds) {
  Coordinator bare = StartBareServer(deployment, shape.parameters);
  auto devices = MakeDevices(deployment, bare.address, shape);
  std::vector<double> times;
  absl::Time last = absl::Now();
  std::barrier meeting(shape.devices, [&]() noexcept {
    times.push_back(absl::ToDoubleMilliseconds(absl::Now() - last));
    last = absl::Now();
  });
  std::vector<std::thread> threads;
  for (auto& device : devices) {
    threads.emplace_back([&, d = device.get()] {
      for (int r = 0; r < rounds; ++r) {
        d->Fetch("");
        d->Upload("");
        meeting.arrive_and_wait();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  times.erase(times.begin());  // warm-up
  return Median(times);
}

// Median milliseconds between the openings of consecutive rounds.
double ShoalRounds(const Deployment& deployment, Shape shape, int rounds) {
  Coordinator shoald = StartCoordinator(deployment);
  auto admin = v1::Admin::NewStub(
      Connect(shoald.address, deployment.OperatorCredentials()));
  {
    grpc::ClientContext context;
    v1::CreateTaskRequest request;
    *request.mutable_task() =
        MakeTask("rounds", shape.parameters, shape.devices, rounds);
    v1::TaskReport report;
    const grpc::Status status = admin->CreateTask(&context, request, &report);
    if (!status.ok()) OrDie(absl::InternalError(status.error_message()));
  }
  auto devices = MakeDevices(deployment, shoald.address, shape);
  std::vector<std::thread> threads;
  for (auto& device : devices) {
    threads.emplace_back([&, d = device.get()] {
      for (int r = 0; r < rounds; ++r) {
        const v1::Assignment assignment = d->AwaitAssignment("rounds");
        d->Fetch(assignment.model().digest());
        d->Upload(assignment.token());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  // The last receipt comes before the last commit.
  std::vector<absl::Time> finished;
  while (static_cast<int>(finished.size()) < rounds) {
    grpc::ClientContext context;
    v1::ListRoundsRequest request;
    request.set_task("rounds");
    request.set_limit(rounds);
    v1::ListRoundsResponse response;
    const grpc::Status status = admin->ListRounds(&context, request, &response);
    if (!status.ok()) OrDie(absl::InternalError(status.error_message()));
    finished.clear();
    for (const v1::RoundReport& round : response.rounds()) {
      if (round.state() == v1::ROUND_STATE_COMMITTED) {
        finished.push_back(protocol::FromProto(round.finished()));
      }
    }
    absl::SleepFor(absl::Milliseconds(5));
  }
  std::sort(finished.begin(), finished.end());
  std::vector<double> times;
  for (size_t i = 1; i < finished.size(); ++i) {
    times.push_back(absl::ToDoubleMilliseconds(finished[i] - finished[i - 1]));
  }
  return Median(times);
}

// Median milliseconds of writing and syncing what a round must make durable,
// in one file: the partial sum (8 bytes a parameter) and the model (4).
double BareCommit(const Deployment& deployment, Shape shape) {
  const std::string bytes(12 * shape.parameters, 'x');
  std::vector<double> times;
  for (int i = 0; i < 9; ++i) {
    const absl::Time start = absl::Now();
    OrDie(WriteFileAtomically(deployment.folder() + "/commit", bytes));
    times.push_back(absl::ToDoubleMilliseconds(absl::Now() - start));
  }
  return Median(times);
}

int Run(const std::vector<Shape>& shapes, int rounds, const std::string& json) {
  std::printf("rounds: median milliseconds over %d rounds, TLS\n", rounds);
  std::printf("%22s %10s %10s %10s %8s\n", "devices x parameters", "bare",
              "commit", "shoal", "ratio*");
  nlohmann::json results = nlohmann::json::array();
  for (const Shape& shape : shapes) {
    Deployment deployment;
    const double bare = BareExchange(deployment, shape, rounds);
    const double commit = BareCommit(deployment, shape);
    const double shoal = ShoalRounds(deployment, shape, rounds);
    const double ratio = (shoal - commit) / bare;
    std::printf("%22s %10.1f %10.1f %10.1f %8.2f\n",
                absl::StrCat(shape.devices, " x ", shape.parameters).c_str(),
                bare, commit, shoal, ratio);
    std::fflush(stdout);
    results.push_back({{"devices", shape.devices},
                       {"parameters", shape.parameters},
                       {"bare_ms", bare},
                       {"commit_ms", commit},
                       {"shoal_ms", shoal},
                       {"ratio", ratio}});
  }
  std::printf("* (shoal - commit) / bare\n");
  if (!json.empty()) {
    const nlohmann::json result = {{"benchmark", "rounds"},
                                   {"version", LongVersion()},
                                   {"rounds", rounds},
                                   {"results", results}};
    OrDie(WriteFileAtomically(json, result.dump(2) + "\n"));
  }
  return 0;
}

}  // namespace
}  // namespace shoal::bench

int main(int argc, char** argv) {
  if (argc == 4 && std::string(argv[1]) == "--bare-server") {
    return shoal::bench::RunBareServer(argv[2], std::atoll(argv[3]));
  }
  int rounds = 20;
  std::string json;
  CLI::App app(
      "Whole rounds without training beside a bare gRPC exchange of the same "
      "bytes.\nExample: script/bench rounds --rounds 50");
  app.add_option("--rounds", rounds, "rounds per shape");
  app.add_option("--json", json, "write the result to this file");
  CLI11_PARSE(app, argc, argv);
  return shoal::bench::Run({{10, 100'000}, {10, 1'000'000}, {100, 100'000}},
                           rounds, json);
}
