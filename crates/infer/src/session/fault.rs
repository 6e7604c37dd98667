//! Error texts of ONNX Runtime and CUDA: what they mean, and the part of them that users can read.

/// Why a run failed: ONNX Runtime's text, or a sentence.
pub(crate) type Fault = String;

/// The fault of an output that has NaN or infinity in it.
pub(crate) const NOT_A_NUMBER: &str = "its output is not a number somewhere";

/// Whether a fault is for lack of memory: ONNX Runtime's arenas, CUDA, cuBLAS, cuDNN, TensorRT and
/// the C++ library each have their own words.
pub(crate) fn is_out_of_memory(fault: &str) -> bool {
    let fault = fault.to_ascii_lowercase();
    [
        "out of memory",
        "out_of_memory",
        "outofmemory",
        "failed to allocate",
        "alloc_failed",
        "resource allocation failed",
        "bad_alloc",
        "available memory",
    ]
    .iter()
    .any(|words| fault.contains(words))
}

/// Whether cuDNN gives no reason for a fault, which may be lack of memory.
pub(crate) fn is_unspecific(fault: &str) -> bool {
    ["CUDNN_BACKEND_API_FAILED", "CUDNN_STATUS_INTERNAL_ERROR"].iter().any(|words| fault.contains(words))
}

/// The first line, without the places in ONNX Runtime's source and the signatures of its functions.
pub(crate) fn summary(fault: &str) -> &str {
    let line = fault.lines().next().unwrap_or_default();
    let line = line.rsplit_once("Status Message: ").map_or(line, |(_, message)| message);
    let line = line.rsplit_once("> = void] ").map_or(line, |(_, message)| message);
    let line = line.split_once(" ; GPU=").map_or(line, |(message, _)| message);
    // A file, a line and a function's signature.
    let place = line.starts_with('/').then(|| line.split_once(") ")).flatten();
    place.map_or(line, |(_, message)| message).trim().trim_end_matches('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seen on an H100 whose memory another program had taken, each with its summary.
    const RECORDED: [(&str, &str); 5] = [
        (
            "Non-zero status code returned while running Relu node. Name:'nRelu_245' Status Message: \
             /onnxruntime_src/onnxruntime/core/framework/bfc_arena.cc:360 void* \
             onnxruntime::BFCArena::AllocateRawInternal(size_t, bool, onnxruntime::Stream*) Failed to allocate memory \
             for requested buffer of size 134217728",
            "Failed to allocate memory for requested buffer of size 134217728",
        ),
        (
            "/onnxruntime_src/onnxruntime/core/framework/bfc_arena.cc:360 void* \
             onnxruntime::BFCArena::AllocateRawInternal(size_t, bool, onnxruntime::Stream*) Failed to allocate memory \
             for requested buffer of size 25165824",
            "Failed to allocate memory for requested buffer of size 25165824",
        ),
        (
            "/onnxruntime_src/onnxruntime/core/providers/cuda/cuda_call.cc:154 std::conditional_t<THRW, void, \
             onnxruntime::common::Status> onnxruntime::CudaCall(ERRTYPE, const char*, const char*, SUCCTYPE, const \
             char*, const char*, int) [with ERRTYPE = cublasStatus_t; bool THRW = true; SUCCTYPE = cublasStatus_t; \
             std::conditional_t<THRW, void, common::Status> = void] \
             /onnxruntime_src/onnxruntime/core/providers/cuda/cuda_call.cc:146 std::conditional_t<THRW, void, \
             onnxruntime::common::Status> onnxruntime::CudaCall(ERRTYPE, const char*, const char*, SUCCTYPE, const \
             char*, const char*, int) [with ERRTYPE = cublasStatus_t; bool THRW = true; SUCCTYPE = cublasStatus_t; \
             std::conditional_t<THRW, void, common::Status> = void] CUBLAS failure 3: the resource allocation failed ; \
             GPU=0 ; hostname=vm ; file=/onnxruntime_src/onnxruntime/core/providers/cuda/cuda_stream_handle.cc ; \
             line=79 ; expr=cublasCreate(&cublas_handle_);",
            "CUBLAS failure 3: the resource allocation failed",
        ),
        (
            "Non-zero status code returned while running Conv node. Name:'nConv_499' Status Message: CUDNN_FE failure \
             11: CUDNN_BACKEND_API_FAILED ; GPU=0 ; hostname=vm ; \
             file=/onnxruntime_src/onnxruntime/core/providers/cuda/nn/conv.cc ; line=484 ; \
             expr=s_.cudnn_fe_graph->execute(cudnn_handle, s_.variant_pack, ws.get());",
            "CUDNN_FE failure 11: CUDNN_BACKEND_API_FAILED",
        ),
        ("CUDNN failure 4000: CUDNN_STATUS_INTERNAL_ERROR", "CUDNN failure 4000: CUDNN_STATUS_INTERNAL_ERROR"),
    ];

    #[test]
    fn summary_is_the_readable_part_of_a_fault() {
        for (fault, want) in RECORDED {
            assert_eq!(summary(fault), want);
            assert!(is_out_of_memory(fault) != is_unspecific(fault));
        }
        assert!(RECORDED[..3].iter().all(|(fault, _)| is_out_of_memory(fault)));
        for plain in ["CUDA failure 719: unspecified launch failure", "its output is not a number somewhere"] {
            assert_eq!(summary(plain), plain);
            assert!(!is_out_of_memory(plain) && !is_unspecific(plain));
        }
    }
}
