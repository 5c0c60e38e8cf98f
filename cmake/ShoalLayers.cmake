# The layer table. A target may use its own folder and folders of a strictly
# lower layer; docs/explanation/architecture.md draws its picture from here.
set(SHOAL_LAYERS
  "0:base"
  "1:learning" "1:proto"
  "2:privacy" "2:protocol"
  "3:configuration"
  "4:aggregation" "4:client"
  "5:coordinator"
  "6:simulations"
  "7:tests" "7:bench" "7:examples")

# Folders inside coordinator/ are ranked too: the engine knows neither the
# store's implementations nor the service.
set(SHOAL_COORDINATOR_LAYERS
  "0:engine" "1:store" "2:operations" "3:service" "4:programs")
