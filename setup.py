"""Installation. ``backends/`` on the top level is the package ``polyframe.backends``."""

from pathlib import Path

from setuptools import find_packages, setup

TORCH = ["torch>=2.4"]
TENSORFLOW = ["tensorflow>=2.17; platform_system != 'Linux'"]
TENSORFLOW_CPU = ["tensorflow-cpu>=2.17; platform_system == 'Linux'"]
MXNET = ["numpy<2", "setuptools"]
IMAGES = ["pillow>=10"]
TENSORBOARD = ["tensorboardX>=2.6"]
PLOTS = ["matplotlib>=3.8"]
HTML = ["jinja2>=3.1"]
STUDY = [
    "scipy>=1.15",
    "statsmodels>=0.14",
    "altair>=5.5",
    "vl-convert-python>=1.7",  # charts in one offline file, and as SVG and PNG
    *HTML,
]
TEACH = [
    *HTML,
    *PLOTS,
    "pygments>=2.17",  # colours in pages of programs
    "pygraphviz>=2",  # its wheels bring Graphviz
]
NOTEBOOK = ["nbformat>=5.9", "nbclient>=0.9", "ipykernel>=6.25"]
DASK = ["distributed>=2024.1"]
RAY = ["ray>=2.30"]
MLFLOW = ["mlflow-skinny>=2.15"]

setup(
    name="polyframe",
    version="0.1.0",
    description="One CNN spec, native PyTorch, TensorFlow and MXNet Gluon programs.",
    long_description=Path(__file__).with_name("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    author="The polyframe authors",
    license="Apache-2.0",
    license_files=["LICENSE"],
    keywords="cnn deep-learning pytorch tensorflow keras mxnet gluon compiler",
    classifiers=[
        "Development Status :: 3 - Alpha",
        "Intended Audience :: Developers",
        "Intended Audience :: Education",
        "Intended Audience :: Science/Research",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3.11",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
        "Topic :: Software Development :: Code Generators",
        "Typing :: Typed",
    ],
    python_requires=">=3.11",
    packages=[
        *find_packages(include=["polyframe", "polyframe.*"]),
        "polyframe.backends",
        *(f"polyframe.backends.{name}" for name in find_packages("backends")),
    ],
    package_dir={"polyframe.backends": "backends"},
    package_data={
        "polyframe": ["py.typed", "*.pyi"],
        "polyframe.backends.gluon": ["gaps.yaml"],
        "polyframe.backends.pytorch": ["gaps.yaml"],
        "polyframe.backends.tf": ["gaps.yaml"],
        "polyframe.conformance": ["*.j2", "support.json"],
        "polyframe.data": ["*.npz"],
        "polyframe.differences": ["entries/*.yaml"],
        "polyframe.io": ["*.j2"],
        "polyframe.study.lint": ["*.yaml"],
        "polyframe.study.report": ["*.css", "*.j2", "*.js", "*.json"],
        "polyframe.teach": [
            "*.css",
            "*.j2",
            "*.yaml",
            "defects/*",
            "demonstrations/*/*.native",
        ],  # fmt: skip
        "polyframe.teach.explain": ["facts.json"],
        "polyframe.zoo": ["recipes/*.yaml"],
    },
    install_requires=[
        "numpy>=1.26",
        "pyyaml>=6",
        "safetensors>=0.4",
        "click>=8.1",
        "lazy_loader>=0.4",
        "rich>=13",
    ],
    extras_require={
        "torch": TORCH,
        "tensorflow": [*TENSORFLOW, *TENSORFLOW_CPU],
        "mxnet": ["mxnet==1.9.1", *MXNET],
        "mxnet-cu112": ["mxnet-cu112==1.9.1", *MXNET],
        "all": [*TORCH, *TENSORFLOW, *TENSORFLOW_CPU, "mxnet==1.9.1", *MXNET],
        "images": IMAGES,
        "tensorboard": TENSORBOARD,
        "plots": PLOTS,
        "html": HTML,
        "notebook": [*NOTEBOOK, *HTML],
        "teach": TEACH,
        "study": STUDY,
        "dask": DASK,
        "ray": RAY,
        "mlflow": MLFLOW,
        "dev": [
            *IMAGES,
            *TENSORBOARD,
            *TEACH,
            *STUDY,
            *NOTEBOOK,
            *DASK,
            *RAY,
            *MLFLOW,
            "basedpyright",
            "hypothesis",
            "jax==0.7.1",  # of the example of a third party's backend
            "mypy",
            "onnx",  # of a contestant of `polyframe bench`
            "onnxruntime",
            "pytest",
            "pytest-xdist",
            "ruff",
            "scikit-learn",
            "tensorboard",
            "types-PyYAML",
        ],
    },
    entry_points={
        "console_scripts": ["polyframe=polyframe.cli:main"],
        "polyframe.backends": [
            "torch=polyframe.backends.pytorch.backend:Torch",
            "tensorflow=polyframe.backends.tf.backend:TensorFlow",
            "mxnet=polyframe.backends.gluon.backend:Gluon",
        ],
    },
)
