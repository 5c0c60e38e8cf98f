# cmake -DPROGRAM=… -P agent_links_test.cmake: fails when the program needs
# grpc++ or protobuf, as a library or linked in.
execute_process(COMMAND ldd ${PROGRAM} OUTPUT_VARIABLE libraries
                COMMAND_ERROR_IS_FATAL ANY)
string(TOLOWER "${libraries}" libraries)
if(libraries MATCHES "(lib(grpc|proto)[^ ]*)")
  message(FATAL_ERROR "${PROGRAM} links ${CMAKE_MATCH_1}")
endif()
execute_process(COMMAND nm -C --defined-only ${PROGRAM} OUTPUT_VARIABLE symbols
                ERROR_QUIET)
if(symbols MATCHES "(google::protobuf|grpc::)[^\n]*")
  message(FATAL_ERROR "${PROGRAM} holds ${CMAKE_MATCH_0}")
endif()
