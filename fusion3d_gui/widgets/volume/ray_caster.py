"""``RayCaster``: the whole volume drawn by the graphics card, where OpenGL is there.

It draws off screen into a picture, so that the window itself stays as it is on machines without OpenGL.
"""

from __future__ import annotations

import logging
import os
from typing import Any

import numpy as np
from PySide6.QtCore import QCoreApplication, QSize
from PySide6.QtGui import (
    QImage,
    QMatrix4x4,
    QOffscreenSurface,
    QOpenGLContext,
    QSurfaceFormat,
    QVector2D,
    QVector3D,
)
from PySide6.QtOpenGL import (
    QOpenGLFramebufferObject,
    QOpenGLPixelTransferOptions,
    QOpenGLShader,
    QOpenGLShaderProgram,
    QOpenGLTexture,
    QOpenGLVertexArrayObject,
)

from fusion3d_gui.imaging.reslice.surface_shading import AMBIENT, LIGHT
from fusion3d_gui.imaging.reslice.volume_projection import VolumeProjector
from fusion3d_gui.imaging.reslice.voxel_shading import BEHIND, FLAT, HIGHLIGHT, SHININESS
from fusion3d_gui.widgets.volume.ray_shader import FRAGMENT, VERTEX
from fusion3d_gui.widgets.volume.translucent_scene import HEAT_DEPTH_MM
from fusion3d_gui.widgets.volume.viewpoint import Viewpoint

log = logging.getLogger(__name__)

#: Set to ``off`` where a broken driver must not even be asked; to ``any`` to use software renderers too.
SWITCH = "FUSION3D_OPENGL"

_SOFTWARE = ("llvmpipe", "softpipe", "swrast", "swiftshader", "basic render", "gdi generic")
_GL_RENDERER, _GL_TRIANGLES, _GL_NO_ERROR = 0x1F01, 0x0004, 0


class RayCaster:
    """A volume and its heatmap as textures. Use it only on the thread that made it."""

    def __init__(self, context: QOpenGLContext, surface: QOffscreenSurface) -> None:
        self._context, self._surface = context, surface
        self._program = QOpenGLShaderProgram()
        self._vertices = QOpenGLVertexArrayObject()
        self._textures: dict[str, QOpenGLTexture] = {}
        self._to_texture = QMatrix4x4()
        self._step_mm = 1.0
        self._frame: QOpenGLFramebufferObject | None = None
        self._reach_mm = 1.0
        self._loaded: tuple[VolumeProjector, VolumeProjector | None] | None = None

    @classmethod
    def probe(cls) -> RayCaster | None:
        """A working ray caster; None without OpenGL 3.3 on a graphics card."""
        wish = os.environ.get(SWITCH, "")
        if wish == "off":
            return None
        form = QSurfaceFormat()
        form.setVersion(3, 3)
        form.setProfile(QSurfaceFormat.OpenGLContextProfile.CoreProfile)
        context = QOpenGLContext()
        context.setFormat(form)
        if not context.create() or context.isOpenGLES() or context.format().version() < (3, 3):
            return None
        surface = QOffscreenSurface()
        surface.setFormat(context.format())
        surface.create()
        if not surface.isValid() or not context.makeCurrent(surface):
            return None
        name = context.functions().glGetString(_GL_RENDERER)
        caster = cls(context, surface)
        usable = wish == "any" or not any(each in name.lower() for each in _SOFTWARE)
        built = usable and caster._build()
        context.doneCurrent()
        log.info("OpenGL by %s: %s", name, "used for 3D" if built else "not used")
        if not built:
            return None
        app = QCoreApplication.instance()
        if app is not None:
            app.aboutToQuit.connect(caster.close)
        return caster

    def _build(self) -> bool:
        kinds = QOpenGLShader.ShaderTypeBit
        built = (
            self._program.addShaderFromSourceCode(kinds.Vertex, VERTEX)
            and self._program.addShaderFromSourceCode(kinds.Fragment, FRAGMENT)
            and self._program.link()
            and self._vertices.create()
        )
        if not built:
            log.warning("the shader for 3D was refused: %s", self._program.log())
        return bool(built)

    def has_loaded(self, volume: VolumeProjector, heat: VolumeProjector | None) -> bool:
        """Whether these are the volume and heatmap loaded."""
        return self._loaded == (volume, heat)

    def load(self, volume: VolumeProjector, heat: VolumeProjector | None) -> None:
        """Show this volume, and this heatmap (levels 0 to 255 on the same voxels) in it.

        A projector has at most 192 voxels along an axis; every card with OpenGL 3.3 takes 256.
        """
        self._loaded = volume, heat
        self._context.makeCurrent(self._surface)
        self._free_textures()
        form, pixel = QOpenGLTexture.TextureFormat, QOpenGLTexture.PixelType
        voxels = np.ascontiguousarray(volume.voxels, np.float32)
        self._textures["anatomy"] = _texture(voxels, form.R32F, pixel.Float32)
        levels = np.zeros((1, 1, 1), np.uint8) if heat is None else heat.voxels
        self._textures["heat"] = _texture(np.ascontiguousarray(levels), form.R8_UNorm, pixel.UInt8)
        size = np.array(volume.shape[::-1], float)
        # From mm to texture coordinates: voxel centres lie half a voxel inside.
        index = np.linalg.inv(volume.affine)
        matrix = np.diag([*(1 / size), 1.0]) @ (index + np.outer((0.5, 0.5, 0.5, 0), (0, 0, 0, 1)))
        self._to_texture = QMatrix4x4(*matrix.ravel().tolist())
        spacing = np.linalg.norm(volume.affine[:3, :3], axis=0)
        self._step_mm = float(spacing.min()) / 2
        self._reach_mm = float(np.linalg.norm(spacing * size))
        self._context.doneCurrent()

    def render(
        self,
        viewpoint: Viewpoint,
        value_colors: np.ndarray,
        shade_colors: np.ndarray,
        heat_lut: np.ndarray | None,
        size: QSize,
    ) -> QImage | None:
        """Render an image; None where the card failed.

        Parameters
        ----------
        viewpoint
            From where, and of which values.
        value_colors
            uint32 ``[256]`` opaque RGB of the values from ``low`` to ``high``.
        shade_colors
            The same, of a surface from dark to fully lit.
        heat_lut
            uint32 ``[256]`` premultiplied ARGB of the heatmap's levels; None draws none.
        size
            Device pixels.
        """
        if not self._context.makeCurrent(self._surface):
            return None
        functions = self._context.functions()
        if self._frame is None or self._frame.size() != size:
            self._frame = QOpenGLFramebufferObject(size)
        if not self._frame.isValid() or not self._frame.bind():
            return None
        functions.glViewport(0, 0, size.width(), size.height())
        self._program.bind()
        self._set_viewpoint(viewpoint, size)
        translucency = viewpoint.translucency
        tables = {
            "value_colors": _table(value_colors),
            "shade_colors": _table(shade_colors),
            "heat_colors": _table(heat_lut),
            "transfer": _table(None if translucency is None else translucency.table),
        }
        for unit, (name, texture) in enumerate((self._textures | tables).items()):
            texture.bind(unit)
            self._program.setUniformValue1i(self._program.uniformLocation(name), unit)
        self._vertices.bind()
        functions.glDrawArrays(_GL_TRIANGLES, 0, 3)
        self._vertices.release()
        failed = functions.glGetError() != _GL_NO_ERROR
        image = self._frame.toImage()
        self._frame.release()
        self._program.release()
        for table in tables.values():
            table.destroy()
        self._context.doneCurrent()
        return None if failed or image.isNull() else image

    def _set_viewpoint(self, viewpoint: Viewpoint, size: QSize) -> None:
        program = self._program
        place = program.uniformLocation
        for name, vector in (
            ("right", viewpoint.right_lps),
            ("down", viewpoint.down_lps),
            ("middle", viewpoint.middle_lps),
        ):
            program.setUniformValue(place(name), QVector3D(*(float(each) for each in vector)))
        program.setUniformValue(place("size"), QVector2D(size.width(), size.height()))
        program.setUniformValue(place("light"), QVector2D(*LIGHT))
        program.setUniformValue(place("to_texture"), self._to_texture)
        for name, number in (
            ("px_per_mm", viewpoint.px_per_mm),
            ("low", viewpoint.low),
            ("high", viewpoint.high),
            ("least", 0.0 if viewpoint.surface_value is None else viewpoint.surface_value),
            ("step_mm", self._step_mm),
            ("reach_mm", self._reach_mm),
            ("ambient", AMBIENT),
        ):
            program.setUniformValue1f(place(name), float(number))
        translucency = viewpoint.translucency
        program.setUniformValue1i(place("translucent"), int(translucency is not None))
        if translucency is not None:
            for name, number in (
                ("edges", translucency.edges),
                ("strongest", translucency.strongest),
                ("heat_depth", HEAT_DEPTH_MM),
                ("behind", BEHIND),
                ("highlight", HIGHLIGHT),
                ("shininess", SHININESS),
                ("flat_share", FLAT),
            ):
                program.setUniformValue1f(place(name), float(number))
        program.setUniformValue1i(place("surface"), int(viewpoint.surface_value is not None))
        clip = viewpoint.clip
        program.setUniformValue1i(place("cuts"), int(clip is not None))
        if clip is not None:
            program.setUniformValue(place("cut_normal"), QVector3D(*clip.normal_lps))
            program.setUniformValue1f(place("cut_offset"), clip.offset_mm)

    def close(self) -> None:
        """Free the card's memory."""
        if self._context.makeCurrent(self._surface):
            self._free_textures()
            self._frame = None
            self._vertices.destroy()
            self._program.removeAllShaders()
            self._context.doneCurrent()

    def _free_textures(self) -> None:
        for texture in self._textures.values():
            texture.destroy()
        self._textures = {}


def _texture(
    voxels: np.ndarray, form: QOpenGLTexture.TextureFormat, kind: QOpenGLTexture.PixelType
) -> QOpenGLTexture:
    """Upload ``[k, j, i]`` values as a linearly interpolated texture."""
    depth, height, width = voxels.shape
    texture = QOpenGLTexture(QOpenGLTexture.Target.Target3D)
    texture.setFormat(form)
    texture.setSize(width, height, depth)
    texture.setAutoMipMapGenerationEnabled(False)
    texture.allocateStorage(QOpenGLTexture.PixelFormat.Red, kind)
    # Qt's stubs call what takes bytes an int.
    packed: Any = voxels.tobytes()
    texture.setData(QOpenGLTexture.PixelFormat.Red, kind, packed, _tightly_packed())
    _read_linearly(texture)
    return texture


def _tightly_packed() -> QOpenGLPixelTransferOptions:
    options = QOpenGLPixelTransferOptions()
    options.setAlignment(1)
    return options


def _table(colors: np.ndarray | None) -> QOpenGLTexture:
    """Upload 256 colours; None: all transparent."""
    pixels = np.zeros((1, 256), np.uint32) if colors is None else colors.reshape(1, 256)
    pixels = np.ascontiguousarray(pixels, np.uint32)
    form = QImage.Format.Format_ARGB32_Premultiplied
    image = QImage(pixels.data, 256, 1, 1024, form).convertToFormat(
        QImage.Format.Format_RGBA8888_Premultiplied
    )
    texture = QOpenGLTexture(QOpenGLTexture.Target.Target2D)
    texture.setFormat(QOpenGLTexture.TextureFormat.RGBA8_UNorm)
    texture.setSize(256, 1)
    texture.setAutoMipMapGenerationEnabled(False)
    texture.allocateStorage(QOpenGLTexture.PixelFormat.RGBA, QOpenGLTexture.PixelType.UInt8)
    packed: Any = bytes(image.constBits())
    texture.setData(
        QOpenGLTexture.PixelFormat.RGBA, QOpenGLTexture.PixelType.UInt8, packed, _tightly_packed()
    )
    _read_linearly(texture)
    return texture


def _read_linearly(texture: QOpenGLTexture) -> None:
    texture.setMinMagFilters(QOpenGLTexture.Filter.Linear, QOpenGLTexture.Filter.Linear)
    texture.setWrapMode(QOpenGLTexture.WrapMode.ClampToEdge)
