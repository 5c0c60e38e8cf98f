#include "coordinator/service/coordinator_server.h"

#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/status_macros.h"
#include "base/thread_pool.h"
#include "base/version.h"
#include "coordinator/operations/http_endpoint.h"
#include "coordinator/operations/process_info.h"
#include "coordinator/service/admin_service.h"
#include "coordinator/service/dashboard.h"
#include "coordinator/service/disk_spool.h"
#include "coordinator/service/fleet_service.h"
#include "coordinator/service/grpc_listener.h"
#include "coordinator/service/tls_material.h"
#include "protocol/exit_code.h"
#include "protocol/member_certificates.h"

namespace shoal::coordinator {
namespace {

using configuration::CoordinatorConfig;

constexpr int64_t kModelCacheBytes = int64_t{64} << 20;
constexpr int64_t kDownloadCacheBytes = int64_t{1} << 20;
constexpr absl::Duration kSilentTransfer = absl::Minutes(5);
constexpr absl::Duration kFeedPeriod = absl::Milliseconds(200);
constexpr int64_t kMinFreeDisk = int64_t{64} << 20;
// For answers that are on their way when the port closes.
constexpr absl::Duration kLastAnswers = absl::Seconds(1);

absl::Status CheckSecurity(const CoordinatorConfig& config, bool insecure) {
  if (insecure && config.tls.has_value()) {
    return absl::InvalidArgumentError(
        "--insecure and tls exclude each other: remove one of them");
  }
  if (!insecure && !config.tls.has_value()) {
    return absl::InvalidArgumentError(
        "tls is missing: make certificates with `shoalctl ca init`, or use "
        "--insecure for experiments on one machine");
  }
  return absl::OkStatus();
}

EngineOptions EngineOptionsOf(const CoordinatorConfig& config) {
  EngineOptions options;
  options.commit_max_updates = config.commit_max_updates;
  options.commit_max_bytes = config.commit_max_bytes;
  options.commit_max_delay = config.commit_max_delay;
  return options;
}

int WorkerThreads(const CoordinatorConfig& config) {
  if (config.worker_threads > 0) return config.worker_threads;
  return std::max(1u, std::thread::hardware_concurrency());
}

}  // namespace

// Members are made from top to bottom and die from bottom to top.
struct CoordinatorServer::State {
  State(const CoordinatorConfig& config, ServerEnvironment& environment,
        std::unique_ptr<UploadSpool> spool,
        std::optional<protocol::KeyAndCertificate> enrollment_ca)
      : log(environment.log),
        clock(environment.clock),
        data(config.data),
        started(environment.clock.Now()),
        store(std::move(environment.store)),
        spool(std::move(spool)),
        fold_pool(WorkerThreads(config)),
        authenticator(environment.insecure),
        enrollment(*store, environment.rng, std::move(enrollment_ca),
                   config.device_certificate_lifetime),
        transfers(environment.clock, kSilentTransfer),
        notices_of([this](const std::string& task, int64_t round_id) {
          return engine->NoticesOf(task, round_id);
        }),
        reports(*store, environment.clock, notices_of),
        dashboard_reports(*store, environment.clock, notices_of,
                          ReportReader::kNamesNoDevices),
        feed(reports, kFeedPeriod) {}

  absl::Status StartEngine(const CoordinatorConfig& config, SecureRng& rng,
                           const TlsMaterial* tls);
  absl::Status Listen(const CoordinatorConfig& config, const TlsMaterial* tls);
  absl::Status Ready() const;
  void WaitForUploads(absl::Duration grace) const;

  Logger& log;
  const Clock& clock;
  const std::string data;
  const absl::Time started;
  const std::unique_ptr<RoundStore> store;
  const std::unique_ptr<UploadSpool> spool;
  ThreadPool fold_pool;
  // Of what devices sign in groups; null without TLS, where nobody can.
  std::unique_ptr<secure_aggregation::MemberVerifier> verifier;
  Authenticator authenticator;
  Enrollment enrollment;
  Traffic traffic;           // of devices
  Traffic download_traffic;  // of operators
  TransferWatch transfers;
  const ReportReader::NoticesOf notices_of;
  ReportReader reports;
  ReportReader dashboard_reports;
  RoundFeed feed;
  std::unique_ptr<RoundEngine> engine;
  std::unique_ptr<EngineDriver> driver;
  std::unique_ptr<ModelCache> models;     // for devices
  std::unique_ptr<ModelCache> downloads;  // for operators
  std::unique_ptr<FleetService> fleet;
  std::unique_ptr<AdminService> admin;
  std::unique_ptr<Dashboard> dashboard;
  GrpcListener listener;
  std::unique_ptr<HttpEndpoint> http;
  bool shut_down = false;
};

absl::Status CoordinatorServer::State::StartEngine(
    const CoordinatorConfig& config, SecureRng& rng, const TlsMaterial* tls) {
  if (tls != nullptr) {
    SHOAL_ASSIGN_OR_RETURN(
        verifier, protocol::MakeCertificateVerifier(tls->ca_pem, clock));
  }
  EngineDependencies dependencies = {*store, *spool, rng, log, &fold_pool};
  dependencies.verifier = verifier.get();
  SHOAL_ASSIGN_OR_RETURN(
      engine,
      RoundEngine::Create(EngineOptionsOf(config), dependencies, clock.Now()));
  driver = std::make_unique<EngineDriver>(
      *engine, clock, [this](absl::Time) { transfers.CancelSilent(); });
  models = std::make_unique<ModelCache>(
      [this](const Digest& digest, int64_t offset) {
        return engine->ReadModel(digest, offset);
      },
      kModelCacheBytes);
  downloads = std::make_unique<ModelCache>(
      [this](const Digest& digest, int64_t offset) {
        return store->ReadModel(digest, offset, protocol::kMaxChunkBytes);
      },
      kDownloadCacheBytes);
  fleet = std::make_unique<FleetService>(
      FleetDependencies{*engine, *driver, authenticator, enrollment, *models,
                        traffic, transfers, clock, log});
  const auto dependencies_with = [&](const ReportReader& reader) {
    return AdminDependencies{
        *engine,       *driver,
        authenticator, enrollment,
        reader,        feed,
        traffic,       ModelSender{*downloads, download_traffic, transfers},
        clock,         log,
        started};
  };
  admin = std::make_unique<AdminService>(dependencies_with(reports));
  dashboard = std::make_unique<Dashboard>(dependencies_with(dashboard_reports));
  return absl::OkStatus();
}

absl::Status CoordinatorServer::State::Listen(const CoordinatorConfig& config,
                                              const TlsMaterial* tls) {
  // gRPC comes last: once it serves it must be shut down, not just dropped.
  if (!config.http_listen.empty()) {
    SHOAL_ASSIGN_OR_RETURN(
        http,
        HttpEndpoint::Start({config.http_listen, [this] { return Ready(); },
                             LongVersion(), dashboard->Pages()}));
  }
  SHOAL_ASSIGN_OR_RETURN(
      listener, ListenGrpc(config.listen, tls, {fleet.get(), admin.get()}));
  return absl::OkStatus();
}

absl::Status CoordinatorServer::State::Ready() const {
  SHOAL_RETURN_IF_ERROR(store->ListTasks().status());
  SHOAL_RETURN_IF_ERROR(engine->LastError());
  SHOAL_ASSIGN_OR_RETURN(const int64_t free, FreeDiskBytes(data));
  if (free < kMinFreeDisk) {
    return absl::ResourceExhaustedError(
        absl::StrCat(data, ": ", free >> 20,
                     " MiB are free, expected at least ", kMinFreeDisk >> 20));
  }
  return absl::OkStatus();
}

void CoordinatorServer::State::WaitForUploads(absl::Duration grace) const {
  const absl::Duration end = clock.Monotonic() + grace;
  while (engine->uploads_in_progress() > 0 && clock.Monotonic() < end) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

absl::StatusOr<std::unique_ptr<CoordinatorServer>> CoordinatorServer::Start(
    const CoordinatorConfig& config, ServerEnvironment environment) {
  SHOAL_RETURN_IF_ERROR(CheckSecurity(config, environment.insecure));
  std::optional<TlsMaterial> tls;
  if (config.tls.has_value()) {
    absl::StatusOr<TlsMaterial> loaded =
        LoadTlsMaterial(config, environment.clock.Now());
    if (!loaded.ok()) return protocol::AsWrongInput(loaded.status());
    tls = *std::move(loaded);
  }
  SHOAL_RETURN_IF_ERROR(MakeFolders(config.data, 0700));
  DiskSpoolOptions spool_options;
  spool_options.folder = config.data + "/spool";
  spool_options.memory_bytes = config.upload_memory_bytes;
  spool_options.disk_bytes = config.upload_disk_bytes;
  SHOAL_ASSIGN_OR_RETURN(std::unique_ptr<UploadSpool> spool,
                         MakeDiskSpool(spool_options));
  auto state = std::make_unique<State>(
      config, environment, std::move(spool),
      tls.has_value() ? std::move(tls->enrollment_ca) : std::nullopt);
  const TlsMaterial* const material = tls.has_value() ? &*tls : nullptr;
  SHOAL_RETURN_IF_ERROR(state->StartEngine(config, environment.rng, material));
  SHOAL_RETURN_IF_ERROR(state->Listen(config, material));
  return std::unique_ptr<CoordinatorServer>(
      new CoordinatorServer(std::move(state)));
}

CoordinatorServer::CoordinatorServer(std::unique_ptr<State> state)
    : state_(std::move(state)) {}

CoordinatorServer::~CoordinatorServer() { Shutdown(absl::ZeroDuration()); }

int CoordinatorServer::port() const { return state_->listener.port; }

std::string CoordinatorServer::grpc_address() const {
  return state_->listener.address;
}

std::string CoordinatorServer::http_address() const {
  return state_->http == nullptr ? "" : state_->http->address();
}

Enrollment& CoordinatorServer::enrollment() { return state_->enrollment; }

RoundStore& CoordinatorServer::store() { return *state_->store; }

void CoordinatorServer::Shutdown(absl::Duration grace) {
  if (std::exchange(state_->shut_down, true)) return;
  state_->listener.server->GetHealthCheckService()->SetServingStatus(false);
  state_->engine->StopAdmitting();
  state_->driver->Poke();
  state_->WaitForUploads(grace);
  state_->feed.Stop();
  state_->listener.server->Shutdown(std::chrono::system_clock::now() +
                                    absl::ToChronoMilliseconds(kLastAnswers));
  state_->http.reset();
  state_->driver->Stop();
}

}  // namespace shoal::coordinator
