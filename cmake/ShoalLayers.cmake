# The layer table. A target may use its own folder and folders of a strictly
# lower layer; docs/explanation/architecture.md draws its picture from here.
set(SHOAL_LAYERS
  "0:base" "0:dashboard"
  "1:learning" "1:proto"
  "2:privacy"
  "3:protocol"
  "4:configuration"
  "5:aggregation" "5:client"
  "6:coordinator"
  "7:simulations"
  "8:tests" "8:bench" "8:examples")

# Folders inside coordinator/ are ranked too: the engine knows neither the
# store's implementations nor the service.
set(SHOAL_COORDINATOR_LAYERS
  "0:engine" "1:store" "2:operations" "3:service" "4:programs")

# Sets <out> to the layer of <folder> in <table>, or to "" when not listed.
function(_shoal_rank out folder)
  set(${out} "" PARENT_SCOPE)
  foreach(row IN LISTS ARGN)
    string(REPLACE ":" ";" row ${row})
    list(GET row 1 name)
    if(name STREQUAL folder)
      list(GET row 0 rank)
      set(${out} ${rank} PARENT_SCOPE)
    endif()
  endforeach()
endfunction()

# Fails unless `from` (a path below the project) may use `to`.
function(_shoal_check_edge from to what)
  string(REGEX REPLACE "/.*" "" from_top ${from})
  string(REGEX REPLACE "/.*" "" to_top ${to})
  _shoal_rank(from_rank ${from_top} ${SHOAL_LAYERS})
  _shoal_rank(to_rank ${to_top} ${SHOAL_LAYERS})
  if(from_rank STREQUAL "" OR to_rank STREQUAL "")
    message(FATAL_ERROR "layers: ${what}: '${from_top}' or '${to_top}' is not "
            "in cmake/ShoalLayers.cmake")
  endif()
  if(from_top STREQUAL to_top)
    if(from_top STREQUAL "coordinator")
      string(REGEX REPLACE "^coordinator/([^/]*).*" "\\1" from_part ${from})
      string(REGEX REPLACE "^coordinator/([^/]*).*" "\\1" to_part ${to})
      _shoal_rank(from_rank ${from_part} ${SHOAL_COORDINATOR_LAYERS})
      _shoal_rank(to_rank ${to_part} ${SHOAL_COORDINATOR_LAYERS})
      if(from_rank STREQUAL "" OR to_rank STREQUAL ""
         OR to_rank GREATER from_rank)
        message(FATAL_ERROR "layers: ${what}: coordinator/${from_part} may "
                "not use coordinator/${to_part}")
      endif()
    endif()
  elseif(NOT to_rank LESS from_rank)
    message(FATAL_ERROR "layers: ${what}: ${from_top} (layer ${from_rank}) may "
            "not use ${to_top} (layer ${to_rank})")
  endif()
endfunction()
