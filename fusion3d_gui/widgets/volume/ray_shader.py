"""The ray caster's vertex and fragment shader (GLSL 3.30)."""

from __future__ import annotations

#: One triangle that covers the image.
VERTEX = """#version 330 core
void main() {
    vec2 corner = vec2(float((gl_VertexID << 1) & 2), float(gl_VertexID & 2));
    gl_Position = vec4(corner * 2.0 - 1.0, 0.0, 1.0);
}
"""

#: Follows the line of sight of a pixel through the part of the volume that is not cut away. A surface is lit by
#: Lambert's law as ``imaging.reslice.surface_shading`` has it; where the plane cuts through what is above the
#: threshold, the values there are shown. The heatmap is the largest of its levels along the line.
FRAGMENT = """#version 330 core
uniform sampler3D anatomy, heat;
uniform sampler2D value_colors, shade_colors, heat_colors;
uniform mat4 to_texture;
uniform vec3 right, down, middle, cut_normal;
uniform vec2 size, light;
uniform float px_per_mm, low, high, least, step_mm, reach_mm, ambient, cut_offset;
uniform bool surface, cuts;
out vec4 color;

vec3 place(vec3 mm) { return (to_texture * vec4(mm, 1.0)).xyz; }

vec4 shown(float share, sampler2D table) {
    return texture(table, vec2((clamp(share, 0.0, 1.0) * 255.0 + 0.5) / 256.0, 0.5));
}

void main() {
    vec2 px = vec2(gl_FragCoord.x, size.y - gl_FragCoord.y) - 0.5 * size;
    vec3 away = cross(right, down);
    vec3 start = middle + (px.x * right + px.y * down) / px_per_mm - away * reach_mm;
    // Where the line enters and leaves the box from 0 to 1.
    vec3 from = place(start), along = place(start + away) - from;
    vec3 nearest = (vec3(0.0) - from) / along, farthest = (vec3(1.0) - from) / along;
    vec3 first = min(nearest, farthest), last = max(nearest, farthest);
    float enter = max(max(first.x, first.y), first.z), leave = min(min(last.x, last.y), last.z);
    bool enters_by_cut = false;
    if (cuts) {
        float beyond = dot(cut_normal, start) - cut_offset, change = dot(cut_normal, away);
        float at_plane = -beyond / change;
        if (abs(change) < 1e-6) {
            if (beyond > 0.0) leave = enter;
        } else if (change > 0.0) {
            leave = min(leave, at_plane);
        } else if (at_plane > enter) {
            enter = at_plane;
            enters_by_cut = true;
        }
    }
    color = vec4(0.0, 0.0, 0.0, 1.0);
    if (enter >= leave) return;
    float sign_of_rise = high >= low ? 1.0 : -1.0;
    float best = -1e38, hottest = 0.0, met = -1.0, before = enter;
    for (float at = enter; at <= leave; at += step_mm) {
        vec3 here = from + along * at;
        float value = sign_of_rise * texture(anatomy, here).r;
        hottest = max(hottest, texture(heat, here).r);
        best = max(best, value);
        if (surface && met < 0.0 && value >= sign_of_rise * least) {
            float outer = before, inner = at;
            for (int halving = 0; halving < 5; ++halving) {
                float between = 0.5 * (outer + inner);
                bool inside = sign_of_rise * texture(anatomy, from + along * between).r
                    >= sign_of_rise * least;
                if (inside) inner = between; else outer = between;
            }
            met = inner;
        }
        before = at;
    }
    if (!surface) {
        color = shown((sign_of_rise * best - low) / (high - low), value_colors);
    } else if (enters_by_cut && met == enter) {
        color = shown((texture(anatomy, from + along * enter).r - low) / (high - low), value_colors);
    } else if (met >= 0.0) {
        vec3 mm = start + away * met;
        vec3 axes[3] = vec3[3](right, down, away);
        vec3 slope = vec3(0.0);
        // Over one to three voxels, or steps of a voxel would show as terraces.
        for (float reach = 2.0 * step_mm; reach < 6.5 * step_mm; reach += 2.0 * step_mm) {
            for (int axis = 0; axis < 3; ++axis) {
                slope[axis] += sign_of_rise * (texture(anatomy, place(mm + axes[axis] * reach)).r
                    - texture(anatomy, place(mm - axes[axis] * reach)).r);
            }
        }
        // Towards the reader: from low to high values the surface's normal points the other way.
        vec3 normal = length(slope) > 0.0 ? -normalize(slope) : vec3(0.0, 0.0, -1.0);
        float lit = max(0.0, dot(normal, normalize(vec3(light, -1.0))));
        color = shown(ambient + (1.0 - ambient) * lit, shade_colors);
    }
    vec4 over = shown(hottest, heat_colors);
    color = vec4(over.rgb + color.rgb * (1.0 - over.a), 1.0);
}
"""
