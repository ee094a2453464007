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
#: threshold, the values there are shown. The heatmap is the largest of its levels along the line. A translucent
#: volume gathers colour and light from front to back, lit as ``imaging.reslice.voxel_shading`` has it, with the heatmap in it.
FRAGMENT = """#version 330 core
uniform sampler3D anatomy, heat;
uniform sampler2D value_colors, shade_colors, heat_colors, transfer;
uniform mat4 to_texture;
uniform vec3 right, down, middle, cut_normal;
uniform vec2 size, light;
uniform float px_per_mm, low, high, least, step_mm, reach_mm, ambient, cut_offset;
uniform float edges, strongest, heat_depth, behind, highlight, shininess, flat_share;
uniform bool surface, cuts, translucent;
out vec4 color;

vec3 place(vec3 mm) { return (to_texture * vec4(mm, 1.0)).xyz; }

vec4 shown(float share, sampler2D table) {
    return texture(table, vec2((clamp(share, 0.0, 1.0) * 255.0 + 0.5) / 256.0, 0.5));
}

vec3 slope_at(vec3 mm, float reach, vec3 axes[3]) {
    vec3 slope;
    for (int axis = 0; axis < 3; ++axis) {
        slope[axis] = texture(anatomy, place(mm + axes[axis] * reach)).r
            - texture(anatomy, place(mm - axes[axis] * reach)).r;
    }
    return slope / (2.0 * reach);
}

// Colour and light that a line of sight gathers from front to back.
vec4 gathered(vec3 start, vec3 away, float enter, float leave, vec3 axes[3]) {
    vec3 sum = vec3(0.0);
    float light_left = 1.0, inwards = high >= low ? 1.0 : -1.0;
    vec3 to_light = normalize(vec3(light, -1.0)), half_way = normalize(to_light + vec3(0.0, 0.0, -1.0));
    for (float at = enter; at <= leave && light_left > 0.01; at += step_mm) {
        vec3 mm = start + away * at, here = place(mm);
        vec4 own = shown((texture(anatomy, here).r - low) / (high - low), transfer);
        float opacity = own.a * own.a;  // the table has square roots
        if (opacity > 0.0) {
            vec3 slope = inwards * slope_at(mm, 2.0 * step_mm, axes);
            float share = length(slope) / strongest;
            opacity *= 1.0 - edges + edges * clamp((4.0 * share - 0.25) / 3.25, 0.08, 1.0);
            float alpha = 1.0 - pow(1.0 - opacity, step_mm);
            vec3 color = own.rgb * 0.5 * (1.0 + ambient);
            if (share >= flat_share) {
                vec3 normal = -normalize(slope);
                float facing = dot(normal, to_light);
                float shine = highlight * pow(max(0.0, dot(normal, half_way)), shininess);
                color = own.rgb * (ambient + (1.0 - ambient) * max(facing, -behind * facing)) + shine;
            }
            sum += light_left * alpha * min(color, 1.0);
            light_left *= 1.0 - alpha;
        }
        vec4 hot = shown(texture(heat, here).r, heat_colors);
        if (hot.a > 0.0) {
            float alpha = 1.0 - pow(1.0 - min(hot.a, 0.98), step_mm / heat_depth);
            sum += light_left * alpha * hot.rgb / hot.a;
            light_left *= 1.0 - alpha;
        }
    }
    return vec4(sum, 1.0);
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
    if (translucent) {
        color = gathered(start, away, enter, leave, vec3[3](right, down, away));
        return;
    }
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
